import { limits } from '../limits.js'
import { attachOutputs } from './child.js'
import { ChildEnd, type ProcessExit } from './child-end.js'
import type { OutputFile } from './output-file.js'
import { GroupFollower, type KnownMembers } from './process-group.js'
import type { Spawned } from './spawner.js'

/** A process that the guard has started for this Worker, or for the process that was this Worker before. */
export interface GuardedChild {
  readonly pid: number
  /** Together with the pid it names this process uniquely. */
  readonly startTime: string
  readonly exited: Promise<ProcessExit>
  /** No process of the group is left. What an ended leader left behind gets SIGTERM, later SIGKILL. */
  readonly groupGone: Promise<void>
  readonly follower: GroupFollower
  /** SIGTERM or `signal`, after the grace SIGKILL, for all of it. 0: SIGKILL at once. */
  stop(options: { readonly graceMs: number; readonly signal?: NodeJS.Signals }): Promise<ProcessExit>
}

export interface Outputs {
  readonly stdout: OutputFile
  readonly stderr: OutputFile
}

/** What the process that was this Worker before knew of a child. */
export interface FormerChild {
  readonly known: KnownMembers
  /** It was asked to end. */
  readonly terminated: boolean
}

/** Follows a started process to the end of its group. */
export function followGuarded(
  { pid, startTime, exited, cgroup, starter, killAll }: Spawned,
  outputs: Outputs,
  former?: FormerChild,
): GuardedChild {
  const identity = { pid, startTime }
  const options = { ownGroup: true, followDescendants: true, cgroup, starter, killAll }
  const follower = new GroupFollower(identity, options, former?.known)
  const end = new ChildEnd(follower, exited, limits.killGraceMs, former?.terminated)
  void end.gone.then(attachOutputs(outputs, follower))
  return {
    pid,
    startTime,
    exited,
    groupGone: end.gone,
    follower,
    stop: ({ graceMs, signal }) => end.stop(graceMs, signal),
  }
}
