import { existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'
import { isRunning, type ProcessEntry, readProcess, readProcessTable } from './process-table.js'

/**
 * The pids that the kernel may have given between two moments, from the last one that it had given at each.
 * Pids begin again at the lowest when the highest is reached. Undefined if they are more than `most`.
 */
export function pidsBetween(
  before: number,
  after: number,
  pidMax: number,
  most: number,
): number[] | undefined {
  const wrapped = after < before
  const count = wrapped ? pidMax - before + after : after - before
  if (count > most) return undefined
  const pids: number[] = []
  for (let pid = before + 1; pid <= (wrapped ? pidMax : after); pid++) pids.push(pid)
  if (wrapped) for (let pid = 1; pid <= after; pid++) pids.push(pid)
  return pids
}

const lastField = Buffer.alloc(128)
let loadFile: number | undefined
let pidMax: number | undefined

/** The last pid that the kernel gave in this namespace; undefined where it does not tell. */
function lastPid(): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    loadFile ??= openSync('/proc/loadavg', 'r')
    pidMax ??= Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'))
    const text = lastField.toString('latin1', 0, readSync(loadFile, lastField, 0, lastField.length, 0))
    const pid = Number(text.slice(text.lastIndexOf(' ') + 1))
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** A moment from which new processes are looked for. */
export interface ProcessMoment {
  readonly pid: number | undefined
  readonly ms: number
}

export const momentOfProcesses = (): ProcessMoment => ({ pid: lastPid(), ms: performance.now() })

export interface NewProcesses {
  /** A process runs that was started since and belongs to us. */
  readonly someOurs: boolean
  /**
   * No process runs that was started since and could come from one of ours, as far as that can be known: it
   * would have to be in a session that has begun since.
   */
  readonly noStrays: boolean
}

/** What the last look at all processes took. */
let tableMs = 0

/**
 * Looks at what was started since a moment. After a short time only the pids that were given meanwhile are
 * looked at. A long time pays for a look at all processes.
 */
export function newProcesses(since: ProcessMoment, isOurs: (entry: ProcessEntry) => boolean): NewProcesses {
  const passedMs = performance.now() - since.ms
  const isShort = passedMs < Math.max(innerLimits.newProcessesMs, tableMs * innerLimits.newProcessesTables)
  let fresh = isShort ? newPids(since.pid) : undefined
  if (fresh === undefined) return { someOurs: someProcess(isOurs), noStrays: false }
  const pids: number[] = []
  const running: ProcessEntry[] = []
  // What was started during the look is looked at, too.
  for (let round = 0; fresh !== undefined && round < innerLimits.newProcessesRounds; round++) {
    for (const pid of fresh) {
      if (!existsSync(`/proc/${pid}`)) continue
      const entry = readProcess(pid)
      if (entry !== undefined && isRunning(entry)) running.push(entry)
    }
    pids.push(...fresh)
    fresh = newPids(pids.at(-1) ?? since.pid)
    if (fresh?.length === 0) break
  }
  const isWhole = fresh?.length === 0
  return { someOurs: running.some(isOurs), noStrays: isWhole && !running.some(inSessionOf(pids)) }
}

/** Only `setsid` leaves a session, and it begins one with the number of its caller. */
export const inSessionOf =
  (pids: readonly number[]) =>
  ({ sessionId }: Pick<ProcessEntry, 'sessionId'>): boolean =>
    sessionId === 0 || pids.includes(sessionId)

function newPids(since: number | undefined): number[] | undefined {
  const now = lastPid()
  if (since === undefined || now === undefined || pidMax === undefined) return undefined
  return pidsBetween(since, now, pidMax, innerLimits.newProcessesLooked)
}

function someProcess(isOurs: (entry: ProcessEntry) => boolean): boolean {
  const beganMs = performance.now()
  let found = false
  for (const entry of readProcessTable().values()) {
    if (isRunning(entry) && isOurs(entry)) found = true
  }
  tableMs = performance.now() - beganMs
  return found
}
