import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { isDescriptorShortage } from './descriptors.js'
import { isAlive } from './find-process.js'
import {
  isRunning,
  type ProcessEntry,
  type ProcessTable,
  readProcess,
  readProcessTable,
} from './process-table.js'
import { sendSignal } from './send-signal.js'

/** A process that this one has started. */
export interface StartedProcess {
  readonly pid: number
  /** Undefined: nobody looked, because each look would start `ps`. */
  readonly startTime: string | undefined
}

/** Call it soon after the start: with the start time, a pid that is used again is never taken for it. */
export function startedProcess(pid: number): StartedProcess {
  return { pid, startTime: process.platform === 'linux' ? startTimeOf(pid) : undefined }
}

function startTimeOf(pid: number): string | undefined {
  try {
    // One that is gone matches nothing that has its pid later.
    return readProcess(pid)?.startTime ?? ''
  } catch {
    // There is no descriptor for the look. That it is a child of ours says nearly as much.
    return undefined
  }
}

/**
 * The processes that still run, and all that they have started. Who leads a group of its own, or is in
 * another one, was detached on purpose and lives on.
 */
export function treeOf(
  roots: readonly StartedProcess[],
  table: ProcessTable,
  own = process.pid,
): ProcessEntry[] {
  const groupId = table.get(own)?.groupId
  const isOurs = (entry: ProcessEntry): boolean => isRunning(entry) && entry.groupId === groupId
  const members = new Map<number, ProcessEntry>()
  for (const { pid, startTime } of roots) {
    const entry = table.get(pid)
    if (entry?.parentPid !== own || !isOurs(entry)) continue
    if (startTime === undefined || entry.startTime === startTime) members.set(pid, entry)
  }
  // Iterating a Map also visits what is added meanwhile.
  for (const { pid } of members.values()) {
    for (const entry of table.values())
      if (entry.parentPid === pid && isOurs(entry) && !members.has(entry.pid)) members.set(entry.pid, entry)
  }
  return [...members.values()]
}

/**
 * Ends them with all that they have started, and resolves when none runs any more, or after `threadEndMs`. It
 * never rejects.
 */
export async function endProcesses(roots: readonly StartedProcess[]): Promise<void> {
  const untilMs = performance.now() + limits.threadEndMs
  let left: readonly ProcessEntry[] | undefined
  do {
    left = lookAgain(roots, left)
    if (left?.length === 0) return
    await delay(innerLimits.processGoneLookMs)
  } while (performance.now() < untilMs)
}

/** Undefined: there is no descriptor for a look, which passes. */
function lookAgain(
  roots: readonly StartedProcess[],
  killed: readonly ProcessEntry[] | undefined,
): readonly ProcessEntry[] | undefined {
  try {
    return killed === undefined ? killTree(roots) : killed.filter(isAlive)
  } catch (error) {
    if (!isDescriptorShortage(error)) throw error
    return undefined
  }
}

/**
 * All are stopped before the first is killed: what a process starts after the look would live on, and who has
 * lost its parent is not found any more.
 */
function killTree(roots: readonly StartedProcess[]): ProcessEntry[] {
  const stopped = new Map<number, ProcessEntry>()
  for (let round = 0; round < innerLimits.processTreeRounds; round++) {
    const fresh = treeOf(roots, readProcessTable()).filter(({ pid }) => !stopped.has(pid))
    if (fresh.length === 0) break
    for (const entry of fresh) {
      stopped.set(entry.pid, entry)
      sendSignal(entry.pid, 'SIGSTOP')
    }
  }
  // Who runs as another user is not waited for.
  return [...stopped.values()].filter(({ pid }) => sendSignal(pid, 'SIGKILL') === 'sent')
}
