import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { builtFile } from '../../runtime/built-file.js'
import { type ErrorParts, errorNameOf, errorOf, FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { before, systemTimers } from '../../runtime/timers.js'
import { LocalConsole, type OutputWriter } from './local-console.js'

export interface EmbeddedOptions {
  /** Default 1. */
  readonly workers?: number | undefined
  /** Cores of each Worker; default: all of this machine. */
  readonly cores?: number | undefined
  /** Memory of each Worker in MiB; default: this machine's less 1 GiB. */
  readonly memoryMib?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called once, as soon as the Master can be dialled; its Workers come later. */
  readonly onMaster?: ((found: EmbeddedMaster) => void) | undefined
  /** Gets what drivers and executors print. */
  readonly onOutput?: OutputWriter | undefined
}

export interface EmbeddedNode {
  readonly name: string
  readonly role: string
  readonly pid: number
  readonly address: string
}

export interface EmbeddedMaster {
  readonly cluster: string
  /** `firesteel://host:port`. */
  readonly master: string
  readonly secret: string
}

/** A cluster of this process, with processes, free ports and temporary state of its own. */
export interface EmbeddedCluster extends EmbeddedMaster {
  readonly nodes: readonly EmbeddedNode[]
  /** Passes lines of `up --json` after `ready`: a node that exited or was started again. */
  onLine(
    listener: (line: { readonly event: string; readonly node?: string; readonly pid?: number }) => void,
  ): void
  /** Stops all of it and removes its state. */
  stop(): Promise<void>
}

/**
 * This package's own program. It is a path, because no code outside runtime/launch may import runtime/launch.
 */
const PROGRAM = fileURLToPath(builtFile('runtime/launch/cli/bin.js'))
const STDERR_TAIL_BYTES = innerLimits.embeddedLastWordsChars

interface MastersLine {
  readonly event: 'masters'
  readonly cluster: string
  readonly master: string
}

interface Ready {
  readonly event: 'ready'
  readonly cluster: string
  readonly master: string
  readonly nodes: readonly EmbeddedNode[]
}

/**
 * Runs `up --json` in a temporary folder. Resolves when it is ready. Rejects with the error that it printed,
 * or SPAWN_FAILED. The cluster ends with this process, even if that is killed, because its standard input
 * ends then.
 */
export async function startEmbeddedCluster(options: EmbeddedOptions = {}): Promise<EmbeddedCluster> {
  const { signal } = options
  signal?.throwIfAborted()
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-local-'))
  let isTold = false
  const tellMaster = (found: EmbeddedMaster): void => {
    if (!isTold) options.onMaster?.(found)
    isTold = true
  }
  let child: Child | undefined
  let shown: LocalConsole | undefined
  const stop = async (): Promise<void> => {
    child?.stdin?.end()
    await child?.stop({ graceMs: limits.stopGraceMs })
    await shown?.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    child = await startChild({
      command: process.execPath,
      args: [PROGRAM, ...argumentsOf(options, folder)],
      cwd: folder,
      env: childEnvironment(),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      ownGroup: true,
      // The program stops its nodes, and their pipes do. A follower would only slow the stop down.
      followDescendants: false,
    })
    // An error of this pipe means that the child has ended, which its exit reports already.
    child.stdin?.on('error', () => {})
    const lines = new Lines(child.stdout!)
    const secretOf = async (): Promise<string> => (await readFile(join(folder, 'secret'), 'utf8')).trimEnd()
    lines.on((line) => {
      if (line.event !== 'masters') return
      const { cluster, master } = line as MastersLine
      // The secret was written before the Master started.
      void secretOf().then(
        (secret) => tellMaster({ cluster, master, secret }),
        () => undefined,
      )
    })
    const { cluster, master, nodes } = await untilReady(child, lines, signal)
    const secret = await secretOf()
    tellMaster({ cluster, master, secret })
    if (options.onOutput) shown = new LocalConsole(join(folder, 'work'), options.onOutput)
    return { cluster, master, nodes, secret, stop: once(stop), onLine: (listener) => lines.on(listener) }
  } catch (error) {
    await stop()
    throw error
  }
}

function argumentsOf({ workers, cores, memoryMib }: EmbeddedOptions, folder: string): string[] {
  return [
    'up',
    '--json',
    '--until-stdin-ends',
    ...['--ephemeral', folder],
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(cores === undefined ? [] : ['--cores', String(cores)]),
    ...(memoryMib === undefined ? [] : ['--memory', `${memoryMib}m`]),
  ]
}

interface Line {
  readonly event: string
}

/** The JSON lines of a child. Reading never stops, because the child would block on a full pipe. */
class Lines {
  readonly #listeners: ((line: Line) => void)[] = []

  constructor(stream: Readable) {
    createInterface({ input: stream }).on('line', (text) => {
      let line: Line
      try {
        line = JSON.parse(text) as Line
      } catch {
        return
      }
      for (const listener of this.#listeners) listener(line)
    })
  }

  on(listener: (line: Line) => void): void {
    this.#listeners.push(listener)
  }
}

function untilReady(child: Child, lines: Lines, signal: AbortSignal | undefined): Promise<Ready> {
  let stderrText = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderrText = (stderrText + text).slice(-STDERR_TAIL_BYTES)
  })
  const late = (): Error => {
    const message = `The embedded cluster was not ready within ${limits.embeddedStartMs} ms.`
    return new FiresteelError('SPAWN_FAILED', message, { cause: stderrText })
  }
  const settled = new AbortController()
  const ready = new Promise<Ready>((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: settled.signal })
    lines.on((line) => {
      if (line.event === 'ready') resolve(line as Ready)
    })
    void child.closed.then(() => reject(errorIn(stderrText)))
  })
  return before(ready, limits.embeddedStartMs, systemTimers, late).finally(() => settled.abort())
}

/** The error that a `--json` command printed, or the best text there is. */
function errorIn(stderrText: string): FiresteelError {
  for (const text of stderrText.split('\n').reverse()) {
    try {
      const { error } = JSON.parse(text) as { error: ErrorParts }
      if (errorNameOf(error.code) !== undefined) return errorOf(error)
    } catch {
      // This line is not the error.
    }
  }
  const lines = stderrText.trim().split('\n')
  const last = lines.findLast((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)
  return new FiresteelError(
    'SPAWN_FAILED',
    `The embedded cluster ended at its start: ${last || 'it printed nothing'}.`,
  )
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= action()
    return done
  }
}
