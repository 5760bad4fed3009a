import { extname } from 'node:path'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

export interface NodeRuntime {
  readonly executable: string
  readonly version: string
  /** Whether it runs .ts files by itself (Node >= 22.18). */
  readonly stripsTypes: boolean
}

export interface MainOptions {
  /** The program. Node runs .js, .mjs, .cjs, .ts and .mts; anything else is executed itself. */
  readonly main: string
  readonly args?: readonly string[]
  /** What the whole process may use. Node's heap gets a part of it. */
  readonly memoryMib?: number
  /** The user's own Node options. They override ours. */
  readonly nodeOptions?: readonly string[]
}

export interface CommandLine {
  readonly command: string
  readonly args: string[]
}

/**
 * The rest is for buffers, code, stacks and threads: the heap must reach its limit before the memory watch
 * does.
 */
const HEAP_SHARE = innerLimits.heapShare
const SCRIPTS = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts'])

/** The Node that runs this process. */
export const thisNode: NodeRuntime = {
  executable: process.execPath,
  version: process.version,
  // The types of Node 20 do not have this feature yet.
  stripsTypes: Boolean((process.features as { typescript?: unknown }).typescript),
}

/** The command line that starts a MAIN. Throws SPAWN_FAILED for TypeScript on a Node that cannot run it. */
export function mainCommand(options: MainOptions, node: NodeRuntime = thisNode): CommandLine {
  const { main, args = [] } = options
  const extension = extname(main)
  if (!SCRIPTS.has(extension)) return { command: main, args: [...args] }

  const flags = heapOptions(options.memoryMib)
  if (extension === '.ts' || extension === '.mts') {
    if (!node.stripsTypes) {
      throw new FiresteelError(
        'SPAWN_FAILED',
        `${main} is TypeScript, and Node ${node.version} cannot run it`,
        {
          place: main,
          help: 'Compile it, or run this Worker on Node 22.18 or later.',
        },
      )
    }
    flags.push('--disable-warning=ExperimentalWarning')
  }
  return { command: node.executable, args: [...flags, ...(options.nodeOptions ?? []), main, ...args] }
}

/** Node's flags that keep its heap within a process of `memoryMib`. */
export function heapOptions(memoryMib: number | undefined): string[] {
  return memoryMib === undefined
    ? []
    : [`--max-old-space-size=${Math.max(16, Math.floor(memoryMib * HEAP_SHARE))}`]
}
