import { type Child, type OutputTarget, startChild } from './child.js'
import type { ProcessExit } from './child-end.js'

export interface NodeOptions {
  /** The package's own program and its arguments. Everybody on the machine can see both. */
  readonly script: string
  readonly args: readonly string[]
  /** Flags of Node itself. */
  readonly nodeOptions?: readonly string[]
  /** The specification of the node, sent as JSON through the pipe, secret included. */
  readonly spec: unknown
  readonly cwd: string
  /** The whole environment: see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>
  readonly stdout: OutputTarget
  readonly stderr: OutputTarget
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

/**
 * Starts a node in a session of its own. So Ctrl-C reaches only the launcher, which stops its nodes in order.
 * The one pipe between them, descriptor 3, carries the specification to the node and events back. When the
 * pipe ends because the launcher died (also by kill -9), the node stops by itself (`openNodeControl`). The
 * children of the node are not followed: a Worker stops them, or otherwise its guard does.
 */
export async function startNode(options: NodeOptions): Promise<NodeProcess> {
  const child: Child = await startChild({
    command: process.execPath,
    args: [...(options.nodeOptions ?? []), options.script, ...options.args],
    cwd: options.cwd,
    env: options.env,
    stdout: options.stdout,
    stderr: options.stderr,
    boot: JSON.stringify(options.spec),
    control: true,
    ownGroup: true,
    followDescendants: false,
  })
  const control = child.control!
  control.onMessage(options.onEvent)
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
