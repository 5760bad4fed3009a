import { type Child, type OutputTarget, startChild } from './child.js'
import type { ProcessExit } from './child-end.js'

export interface NodeProgram {
  /** The package's own program and its arguments. Everybody on the machine can see both. */
  readonly script: string
  readonly args: readonly string[]
  /** Flags of Node itself. */
  readonly nodeOptions?: readonly string[]
  readonly cwd: string
  /** The whole environment: see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>
  readonly stdout: OutputTarget
  readonly stderr: OutputTarget
}

export interface NodeBegin {
  /** The specification of the node, sent as JSON through the pipe, secret included. */
  readonly spec: unknown
  /** Messages of the node, such as `{event:'ready', ...}`, in order. Not validated. */
  readonly onEvent: (event: unknown) => void
}

/** A Master or Worker that the launcher runs. */
export interface NodeProcess {
  readonly pid: number
  readonly startTime: string
  readonly exited: Promise<ProcessExit>
  /** It has ended, and everything it sent was delivered. */
  readonly closed: Promise<void>
  /** False if the node is gone or does not read. */
  send(message: unknown): boolean
  signal(signal: NodeJS.Signals): void
  stop(options: { readonly graceMs: number }): Promise<ProcessExit>
}

/** A process that loads its code and waits for its specification. */
export interface PreparedNode {
  begin(begin: NodeBegin): NodeProcess
  /** Ends a process that never began. */
  discard(): void
}

/**
 * Starts the process of a node in a session of its own. So Ctrl-C reaches only the launcher, which stops its
 * nodes in order. The one pipe between them, descriptor 3, carries the specification to the node and events
 * back. When the pipe ends because the launcher died (also by kill -9), the node stops by itself
 * (`openNodeControl`). The children of the node are not followed: a Worker stops them, or otherwise its guard
 * does.
 */
export async function prepareNode(program: NodeProgram): Promise<PreparedNode> {
  const child: Child = await startChild({
    command: process.execPath,
    args: [...(program.nodeOptions ?? []), program.script, ...program.args],
    cwd: program.cwd,
    env: program.env,
    stdout: program.stdout,
    stderr: program.stderr,
    control: true,
    ownGroup: true,
    followDescendants: false,
  })
  return { begin: (begin) => nodeProcess(child, begin), discard: () => void child.stop({ graceMs: 0 }) }
}

function nodeProcess(child: Child, { spec, onEvent }: NodeBegin): NodeProcess {
  const control = child.control!
  control.send(spec)
  control.onMessage(onEvent)
  return {
    pid: child.pid,
    startTime: child.startTime,
    exited: child.exited,
    closed: child.closed,
    send: (message) => control.send(message),
    signal: (signal) => child.signal(signal),
    stop: (stopOptions) => child.stop(stopOptions),
  }
}
