import { isRunning, readProcess } from './process-table.js'

/** What names one process of this machine for ever. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTime: string
}

/** True while exactly this process runs: not a zombie, not another one that got its pid. */
export function isAlive(identity: ProcessIdentity): boolean {
  const entry = readProcess(identity.pid)
  return entry !== undefined && isRunning(entry) && entry.startTime === identity.startTime
}

/** The identity of a running process (also our own); undefined when there is none of this pid. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const entry = readProcess(pid)
  return entry === undefined ? undefined : { pid, startTime: entry.startTime }
}
