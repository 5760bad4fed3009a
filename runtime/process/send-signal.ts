import { isDescriptorShortage } from './descriptors.js'
import type { GroupFollower } from './process-group.js'
import { type ProcessEntry, readProcess } from './process-table.js'

/** `gone`: no process has this id; `refused`: it runs as another user, and no later try changes that. */
export type SignalOutcome = 'sent' | 'gone' | 'refused'

/** Sends a signal to one process, or to a group if `id` is negative. Refuses ids that mean "everybody". */
export function sendSignal(id: number, signal: NodeJS.Signals | 0): SignalOutcome {
  // kill(-1) is every process that we may signal, kill(0) our own group. A lost number must never become one
  // of them.
  if (!Number.isSafeInteger(id) || (id >= -1 && id <= 1)) return 'gone'
  try {
    process.kill(id, signal)
    return 'sent'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'refused' : 'gone'
  }
}

/**
 * Signals the members of a fresh process table: the group in one call, so that no member can escape it by a
 * fork, and those outside of it one by one. Returns how many may be worth another try.
 */
export function signalMembers(
  follower: GroupFollower,
  members: readonly ProcessEntry[],
  signal: NodeJS.Signals,
): number {
  const { pid } = follower.identity
  let reachable = 0
  let groupSignalled = false
  if (signal === 'SIGKILL' && members.length > 0) follower.killAll()
  for (const member of members) {
    if (follower.ownGroup && member.groupId === pid) {
      if (!groupSignalled) sendSignal(-pid, signal)
      groupSignalled = true
      // SIGKILL is sent again in each round, to the members of a new table.
      if (signal !== 'SIGKILL' && hasLeft(member)) sendSignal(member.pid, signal)
      if (sendSignal(member.pid, 0) !== 'refused') reachable++
    } else if (sendSignal(member.pid, signal) !== 'refused') {
      reachable++
    }
  }
  return reachable
}

/**
 * It has left the group that a table gave it, perhaps before a signal to the group. `setsid` does so a moment
 * after its start.
 */
export function hasLeft({ pid, startTime, groupId }: ProcessEntry): boolean {
  try {
    const now = readProcess(pid)
    return now !== undefined && now.startTime === startTime && now.groupId !== groupId
  } catch (error) {
    if (isDescriptorShortage(error)) return false
    throw error
  }
}
