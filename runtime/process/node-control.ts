import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { openInheritedControl } from './inherited-pipe.js'

/** A node's side of the pipe to its launcher. */
export interface NodeControl {
  /** The specification of this node, its secret included. It is never in argv or environment. */
  readonly spec: unknown
  /** Sends to the launcher, for example `{event:'ready', ...}`. Does nothing when the launcher is gone. */
  send(event: unknown): void
  /** Messages after the specification. */
  onMessage(listener: (message: unknown) => void): void
  /** Resolves when the launcher has ended, in whatever way. The node then stops cleanly. */
  readonly launcherGone: Promise<void>
}

/**
 * Reads the node's specification from its launcher. After `launcherGone` the process ends by itself after
 * `stopGraceMs`, so that a stop that hangs leaves no node behind. Throws USAGE if no launcher started this
 * process.
 */
export async function openNodeControl(): Promise<NodeControl> {
  const pipe = openPipe()
  // One listener from the start: what comes in one chunk with the specification must not be lost.
  const early: unknown[] = []
  const spec = await new Promise<unknown>((resolve, reject) => {
    let first = true
    pipe.onMessage((message) => {
      if (first) resolve(message)
      else early.push(message)
      first = false
    })
    void pipe.ended.then(() =>
      reject(new FiresteelError('USAGE', 'the launcher ended before it said what this node is')),
    )
  })
  pipe.unref()
  void pipe.ended.then(() => setTimeout(() => process.exit(1), limits.stopGraceMs).unref())
  return {
    spec,
    send: (event) => void pipe.send(event),
    onMessage(listener) {
      for (const message of early.splice(0)) listener(message)
      pipe.onMessage(listener)
    },
    launcherGone: pipe.ended,
  }
}

function openPipe(): ReturnType<typeof openInheritedControl> {
  try {
    return openInheritedControl()
  } catch (cause) {
    throw new FiresteelError('USAGE', 'this command is only for the launcher: descriptor 3 is not its pipe', {
      cause,
    })
  }
}
