import { limits } from '../../runtime/limits.js'
import type { ResourceAddresses } from '../messages/common.js'
import type { RestartTimes } from './restart-backoff.js'

/** Who a Worker is and what it offers. */
export interface WorkerIdentity {
  /** Its id in the books. */
  readonly incarnation: string
  readonly name: string
  /** Where others reach its actors. */
  readonly host: string
  readonly port: number
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly labels: Readonly<Record<string, string>>
  /** URL of its pages. */
  readonly web: string | null
}

/** All times and bounds of the core. */
export interface WorkerTimes {
  /** W of the protocol. */
  readonly workerTimeoutMs: number
  readonly heartbeatMs: number
  readonly killGraceMs: number
  readonly outboxKeepMs: number
  readonly restart: RestartTimes
  readonly workCleanupMs: number
  readonly workRetentionMs: number
  readonly retainedFinished: number
  readonly rememberedLaunches: number
}

export function workerTimes(workerTimeoutMs: number, changes: Partial<WorkerTimes> = {}): WorkerTimes {
  return {
    workerTimeoutMs,
    heartbeatMs: workerTimeoutMs / limits.heartbeatsPerTimeout,
    killGraceMs: limits.killGraceMs,
    outboxKeepMs: limits.outboxKeepMs,
    restart: { firstMs: limits.restartFirstMs, maxMs: limits.restartMaxMs, resetMs: limits.restartResetMs },
    workCleanupMs: limits.workCleanupMs,
    workRetentionMs: limits.workRetentionMs,
    retainedFinished: limits.retainedFinished,
    rememberedLaunches: limits.rememberedLaunches,
    ...changes,
  }
}
