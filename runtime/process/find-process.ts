import { isRunning, readProcess } from './process-table.js'

/** Names one process of this machine uniquely. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTime: string
}

/** True while exactly this process runs: not a zombie, and not another one with its pid. */
export function isAlive(identity: ProcessIdentity): boolean {
  const entry = readProcess(identity.pid)
  return entry !== undefined && isRunning(entry) && entry.startTime === identity.startTime
}

/** The identity of a running process, which may be our own; undefined if there is none of this pid. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const entry = readProcess(pid)
  return entry === undefined ? undefined : { pid, startTime: entry.startTime }
}
