import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable, Writable } from 'node:stream'
import { limits } from '../limits.js'
import { ChildEnd, type ProcessExit } from './child-end.js'
import { type ControlPipe, controlPipe, unrefStream } from './control-pipe.js'
import { withGroupFrozen } from './freeze.js'
import type { OutputFile } from './output-file.js'
import { withGivenUmask } from './private-files.js'
import { GroupFollower } from './process-group.js'
import { readProcess } from './process-table.js'
import { spawnError } from './spawn-error.js'

/** An output file is rotated while the child writes. Its opener closes it, after `groupGone`. */
export type OutputTarget = OutputFile | 'inherit' | 'ignore' | 'pipe'

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** The whole environment, with nothing inherited: see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>
  readonly stdout: OutputTarget
  readonly stderr: OutputTarget
  /** Default `ignore`. */
  readonly stdin?: 'inherit' | 'ignore' | 'pipe'
  /**
   * Written to descriptor 3, which is then closed (`control`: a first line, and it stays open). Credentials
   * are passed this way.
   */
  readonly boot?: string | Buffer
  /** Descriptor 3 stays open both ways, with one JSON value per line. */
  readonly control?: boolean
  /** Descriptor 3 stays open both ways, for bytes of any kind: see `duplex`. */
  readonly link?: boolean
  /**
   * Gives it a session and process group of its own. Without them only descendants can be stopped with the
   * child.
   */
  readonly ownGroup: boolean
  /**
   * Also stop processes that left the group; default true. Off for nodes, which manage their own children.
   */
  readonly followDescendants?: boolean
  /** From SIGTERM to SIGKILL for what an ended leader left behind. Default: `killGraceMs`. */
  readonly leftoverGraceMs?: number
}

export interface Child {
  readonly pid: number
  /** Together with the pid it names this process uniquely. */
  readonly startTime: string
  /** The leader's end. Its resources are free at `groupGone`. */
  readonly exited: Promise<ProcessExit>
  /** No process of the group is left. What an ended leader left behind gets SIGTERM, later SIGKILL. */
  readonly groupGone: Promise<void>
  /** The leader has ended, and all pipes were read to their end. */
  readonly closed: Promise<void>
  /** Knows which processes belong to it, for the memory watch. */
  readonly follower: GroupFollower
  readonly control: ControlPipe | undefined
  /** Our end of descriptor 3, with the option `link`. */
  readonly duplex: Duplex | undefined
  /** For the targets 'pipe'. */
  readonly stdin: Writable | undefined
  readonly stdout: Readable | undefined
  readonly stderr: Readable | undefined
  /** Goes to the whole group if it has its own, otherwise to the process. */
  signal(signal: NodeJS.Signals): void
  /**
   * Sends SIGTERM or `signal`, after the grace SIGKILL, to the child and everything it started. Resolves when
   * nothing is left. 0: SIGKILL at once.
   */
  stop(options: { readonly graceMs: number; readonly signal?: NodeJS.Signals }): Promise<ProcessExit>
  groupEmpty(): boolean
  /** Neither the child nor its pipes keep this process running. */
  unref(): void
}

/**
 * Starts a process. Rejects with SPAWN_FAILED (command missing, not executable, no more processes) or
 * FOLDER_MISSING.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  let spawned: ChildProcess
  try {
    spawned = spawnChild(options)
  } catch (cause) {
    // Node throws for some reasons (too long, NUL in a name) and emits an error for others.
    throw await spawnError(cause, options)
  }
  const { pid } = spawned
  if (pid === undefined) {
    const cause = await new Promise<Error>((resolve) => spawned.once('error', resolve))
    throw await spawnError(cause, options)
  }
  // It cannot have been reaped in this turn, so /proc still has it even if it has ended.
  const identity = { pid, startTime: readProcess(pid)?.startTime ?? 'unknown' }
  // After a successful start only a failed kill() of Node comes here, and that is not used.
  spawned.on('error', () => undefined)

  const follower = new GroupFollower(identity, {
    ownGroup: options.ownGroup,
    followDescendants: options.followDescendants ?? true,
  })
  const exited = new Promise<ProcessExit>((resolve) => {
    spawned.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const closed = new Promise<void>((resolve) => spawned.once('close', () => resolve()))
  const end = new ChildEnd(follower, exited, options.leftoverGraceMs ?? limits.killGraceMs)
  const detachOutputs = attachOutputs(options, follower)
  void end.gone.then(detachOutputs)

  return {
    ...identity,
    exited,
    groupGone: end.gone,
    closed,
    follower,
    control: options.link ? undefined : bootPipe(spawned, options),
    duplex: options.link ? (spawned.stdio[3] as unknown as Duplex) : undefined,
    stdin: spawned.stdin ?? undefined,
    stdout: spawned.stdout ?? undefined,
    stderr: spawned.stderr ?? undefined,
    signal: (signal) => end.signal(signal),
    stop: ({ graceMs, signal }) => end.stop(graceMs, signal),
    groupEmpty: () => end.isEmpty(),
    unref() {
      spawned.unref()
      for (const stream of spawned.stdio) unrefStream(stream)
    },
  }
}

function spawnChild(options: ChildOptions): ChildProcess {
  const needsPipe = options.boot !== undefined || options.control === true || options.link === true
  const start = (): ChildProcess =>
    spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: { ...options.env },
      // setsid: a new session and group, so that no terminal's signal reaches it and one kill reaches all of
      // it.
      detached: options.ownGroup,
      stdio: [
        options.stdin ?? 'ignore',
        stdioOf(options.stdout),
        stdioOf(options.stderr),
        ...(needsPipe ? ['pipe' as const] : []),
      ],
    })
  return withGivenUmask(start)
}

function stdioOf(target: OutputTarget): 'inherit' | 'ignore' | 'pipe' | number {
  return typeof target === 'string' ? target : target.descriptor
}

/**
 * While the group runs, its files are rotated with it stopped, so that no line is lost between copy and
 * truncate.
 */
export function attachOutputs(
  options: Pick<ChildOptions, 'stdout' | 'stderr'>,
  follower: GroupFollower,
): () => void {
  const files = [options.stdout, options.stderr].filter((target) => typeof target !== 'string')
  const detach = files.map((file) => file.attach((action) => withGroupFrozen(follower, action)))
  return () => {
    for (const undo of detach) undo()
  }
}

function bootPipe(spawned: ChildProcess, options: ChildOptions): ControlPipe | undefined {
  const stream = spawned.stdio[3] as Duplex | null | undefined
  if (stream === null || stream === undefined) return undefined
  if (options.control) {
    const pipe = controlPipe(stream)
    if (options.boot !== undefined) stream.write(`${String(options.boot).trimEnd()}\n`)
    return pipe
  }
  // The child never reads it, or has ended: that is the child's own choice.
  stream.on('error', () => undefined)
  stream.resume()
  stream.end(options.boot)
  return undefined
}
