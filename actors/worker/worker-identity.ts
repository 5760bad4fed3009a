import { limits } from '../../runtime/limits.js'
import type { CodePlace, ResourceAddresses } from '../messages/common.js'
import type { Confinement } from '../messages/workers.js'
import type { IsolationTimes } from './contact.js'
import type { RestartTimes } from './restart-backoff.js'

/** The identity of a Worker and the capacity that it offers. */
export interface WorkerIdentity {
  /** Its worker id. */
  readonly incarnation: string
  readonly name: string
  /** The host at which others reach its actors. */
  readonly host: string
  readonly port: number
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly labels: Readonly<Record<string, string>>
  /** URL of its pages. */
  readonly web: string | null
  readonly confinement?: Confinement | undefined
  /** Set if it keeps code. `place` is absent where it uses none where it lies. */
  readonly code?: { readonly place: CodePlace | undefined }
  /** Somebody starts its process again when that ends. */
  readonly isSupervised?: true | undefined
  /** What it started outlives its process by this; absent: it does not. */
  readonly orphanGraceMs?: number | undefined
}

/** What derives from W; protocol 19 gives the parts of it. */
export interface TimesOfTimeout extends IsolationTimes {
  /** W. */
  readonly workerTimeoutMs: number
  readonly heartbeatMs: number
  /** After this long without contact, every Master is asked whether it leads. */
  readonly probeAfterMs: number
  /** Its work lives for so long without it while it restarts as announced. */
  readonly restartMs: number
}

/** All times and bounds of the core. */
export interface WorkerTimes extends TimesOfTimeout {
  readonly killGraceMs: number
  readonly outboxKeepMs: number
  readonly restart: RestartTimes
  readonly workCleanupMs: number
  readonly workRetentionMs: number
  readonly workCleanupEnds: number
  readonly retainedFinished: number
  readonly rememberedLaunches: number
}

export function timesOfTimeout(workerTimeoutMs: number): TimesOfTimeout {
  return {
    workerTimeoutMs,
    heartbeatMs: workerTimeoutMs / limits.heartbeatsPerTimeout,
    probeAfterMs: workerTimeoutMs / 6,
    isolationMs: workerTimeoutMs / 2,
    isolationKillMs: workerTimeoutMs / 6,
    restartMs: Math.min(limits.workerRestartMs, workerTimeoutMs / 2),
  }
}

/** `workerTimeoutMs` is W, as its own settings have it. */
export function workerTimes(workerTimeoutMs: number, changes: Partial<WorkerTimes> = {}): WorkerTimes {
  return {
    ...timesOfTimeout(workerTimeoutMs),
    killGraceMs: limits.killGraceMs,
    outboxKeepMs: limits.outboxKeepMs,
    restart: { firstMs: limits.restartFirstMs, maxMs: limits.restartMaxMs, resetMs: limits.restartResetMs },
    workCleanupMs: limits.workCleanupMs,
    workRetentionMs: limits.workRetentionMs,
    workCleanupEnds: limits.workCleanupEnds,
    retainedFinished: limits.retainedFinished,
    rememberedLaunches: limits.rememberedLaunches,
    ...changes,
  }
}
