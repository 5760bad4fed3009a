import { readdirSync, readFileSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'
import { blockThread } from '../pause.js'
import { isDescriptorShortage, withSpareDescriptor } from './descriptors.js'
import { parseProcStat } from './proc-stat.js'
import type { GroupFollower } from './process-group.js'
import { type ProcessEntry, readProcessTable } from './process-table.js'
import { sendSignal } from './send-signal.js'

/**
 * A group is not stopped for longer than this. If a member is in a slow write, it is left alone and tried
 * again later.
 */
const FREEZE_MAX_MS = innerLimits.freezeMs
/** On a busy machine our own turn may come late, so at least this many looks are taken. */
const FREEZE_LOOKS = innerLimits.freezeLooks
const STEP_MS = innerLimits.freezeStepMs

/**
 * Runs `action` while nobody in the group runs, and lets them go on. False, and nothing done, when they did
 * not all stop in time. Linux only; elsewhere `action` runs beside them. Must be synchronous: we stop them,
 * we start them.
 *
 * Measured: it takes 16 to 25 ms of processor time on a machine of 150 processes, mostly for two looks at all
 * of them, once per file of output (`outputFileBytes`). Without it a writer at full speed lost lines: 37 of
 * 191,479.
 */
export function withGroupFrozen(follower: GroupFollower, action: () => void): boolean {
  if (process.platform !== 'linux') {
    action()
    return true
  }
  const stopped = new Map<number, ProcessEntry>()
  try {
    if (!stopAll(follower, stopped)) return false
    action()
    return true
  } finally {
    for (const pid of stopped.keys()) sendSignal(pid, 'SIGCONT')
  }
}

function stopAll(follower: GroupFollower, stopped: Map<number, ProcessEntry>): boolean {
  const deadline = performance.now() + FREEZE_MAX_MS
  for (let look = 0; look < FREEZE_LOOKS || performance.now() < deadline; look++) {
    const members = follower.members(readProcessTable())
    let running = 0
    for (const member of members) {
      if (allThreadsStopped(member.pid)) continue
      running++
      // A process that its user had stopped stays stopped: only those that we stopped are continued.
      if (stopped.has(member.pid)) continue
      stopped.set(member.pid, member)
      sendSignal(member.pid, 'SIGSTOP')
    }
    // This look also found no new member: one that was started meanwhile would have been running.
    if (running === 0) return true
    blockThread(STEP_MS)
  }
  return false
}

/** A thread inside of a write() stops only after it, so the state of the first thread is not enough. */
function allThreadsStopped(pid: number): boolean {
  try {
    return withSpareDescriptor(() => threadStates(pid).every((state) => 'TtZX'.includes(state)))
  } catch (error) {
    // A process that cannot be seen may be writing.
    if (isDescriptorShortage(error)) return false
    // The process has ended.
  }
  return true
}

function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    return parseProcStat(text)?.state ?? []
  })
}
