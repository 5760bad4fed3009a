import { extname } from 'node:path'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import {
  ESBUILD_VARIABLE,
  findEsbuild,
  isTypeScript,
  stripsTypes,
  TYPE_SCRIPT_PRELOAD,
} from '../type-script/type-script.js'

export interface NodeRuntime {
  readonly executable: string
  readonly version: string
  /** Whether it runs .ts files by itself (Node >= 22.18). */
  readonly stripsTypes: boolean
  /** Where esbuild is, which compiles them otherwise. */
  readonly esbuildFor: (main: string) => string | undefined
}

export interface MainOptions {
  /** The program. Node runs .js, .mjs, .cjs, .ts, .mts and .cts; anything else is executed itself. */
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
  /** Variables that the command needs. */
  readonly env?: Readonly<Record<string, string>>
}

const { heapShare, youngHeapShare } = innerLimits
/** Of V8, on 64 bits. */
const DEFAULT_SEMI_SPACE_MIB = 16
const SCRIPTS = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])

/** The Node that runs this process. */
export const thisNode: NodeRuntime = {
  executable: process.execPath,
  version: process.version,
  stripsTypes,
  esbuildFor: findEsbuild,
}

/** The command line that starts a MAIN. Throws SPAWN_FAILED for TypeScript on a Node that cannot run it. */
export function mainCommand(options: MainOptions, node: NodeRuntime = thisNode): CommandLine {
  const { main, args = [] } = options
  const extension = extname(main)
  if (!SCRIPTS.has(extension)) return { command: main, args: [...args] }

  const flags = heapOptions(options.memoryMib)
  const command = node.executable
  // Without `--` Node takes `--env-file` for itself, also among the arguments of the program.
  const rest = [...(options.nodeOptions ?? []), '--', main, ...args]
  if (!isTypeScript(main)) return { command, args: [...flags, ...rest] }
  if (node.stripsTypes) return { command, args: [...flags, '--disable-warning=ExperimentalWarning', ...rest] }
  const esbuild = node.esbuildFor(main)
  if (esbuild === undefined) {
    const text = `${main} is TypeScript, and Node ${node.version} cannot run it without esbuild`
    const help = 'Install esbuild beside Firesteel, compile the program, or use Node 22.18 or later there.'
    throw new FiresteelError('SPAWN_FAILED', text, { place: main, help })
  }
  const preload = ['--import', TYPE_SCRIPT_PRELOAD.href]
  return { command, args: [...flags, ...preload, ...rest], env: { [ESBUILD_VARIABLE]: esbuild } }
}

/**
 * Node's flags that keep the heaps of a process within `memoryMib`. `isolates`: its main thread and all its
 * other threads that run JavaScript; each has a heap of its own, with one limit for all. V8 gives each up to
 * 48 MiB for young objects, which it fills with garbage before it looks at it. So in a small process, or in
 * one of many threads, the garbage alone would cost the process its life.
 */
export function heapOptions(memoryMib: number | undefined, isolates = 1): string[] {
  if (memoryMib === undefined) return []
  const old = `--max-old-space-size=${Math.max(16, Math.floor(memoryMib * heapShare))}`
  const semiSpaceMib = semiSpaceOf((memoryMib * youngHeapShare) / isolates)
  return semiSpaceMib < DEFAULT_SEMI_SPACE_MIB ? [old, `--max-semi-space-size=${semiSpaceMib}`] : [old]
}

/** Young objects take up to three semi-spaces. V8 rounds their size up to a power of two. */
function semiSpaceOf(youngMib: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(youngMib / 3)))
}
