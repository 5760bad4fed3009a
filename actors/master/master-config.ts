import { limits } from '../../runtime/limits.js'
import { type FormatRange, ownFormats } from '../../runtime/persistence/store-format.js'
import type { CodePlace } from '../messages/common.js'
import type { LaunchTimes } from './launch-failures.js'

/** What the core must know about its node and the scheduling rules. Times in milliseconds. */
export interface MasterConfig extends LaunchTimes {
  readonly cluster: string
  readonly address: string
  readonly web: string | null
  readonly rest: string | null
  readonly masters: readonly string[]
  readonly leaseMs: number
  readonly spreadOut: boolean
  readonly defaultCores: number | undefined
  readonly maxExecutorRetries: number
  readonly workerTimeoutMs: number
  readonly orphanGraceMs: number
  readonly relaunchOnRefused: boolean
  readonly applicationTimeoutMs: number
  readonly applicationGraceMs: number
  readonly recoveryQuietMs: number
  readonly recoveryMaxMs: number
  readonly guardMarginMs: number
  readonly adoptGraceMs: number
  readonly recordCacheGraceMs: number
  readonly keptEnds: number
  readonly executorIdBlock: number
  readonly retainedEnded: number
  readonly retainedKeys: number
  readonly keyRetentionMs: number
  /** The most heap that all records may take (limits.recordHeapShare). */
  readonly recordBudgetBytes: number
  readonly executorStableMs: number
  /** Whose files its machine has. Absent: nobody's. */
  readonly place?: CodePlace
  readonly slices: Slices
  /** The formats of a store that this Master knows. */
  readonly formats: FormatRange
}

/** How much of possibly very long work one turn does. */
export interface Slices {
  readonly endingEffects: number
  readonly recoveryRecords: number
  readonly recoveryRecordBytes: number
  readonly lostWriteRecords: number
  readonly lostWriteRecordBytes: number
  readonly lostWriteWindow: number
  readonly lostWriteLooks: number
  readonly lostWriteAheadBytes: number
  readonly releaseEffects: number
  readonly releaseMs: number
  readonly executorLooks: number
  readonly removedPerSweep: number
  readonly killsPerStep: number
}

/** The values that no deployment file changes. */
export const fixedMasterConfig = {
  applicationTimeoutMs: limits.applicationTimeoutMs,
  applicationGraceMs: limits.applicationGraceMs,
  recoveryQuietMs: limits.recoveryQuietMs,
  recoveryMaxMs: limits.recoveryMaxMs,
  guardMarginMs: limits.guardMarginMs,
  adoptGraceMs: limits.adoptGraceMs,
  recordCacheGraceMs: limits.recordCacheGraceMs,
  keptEnds: limits.keptEnds,
  executorIdBlock: limits.executorIdBlock,
  retainedEnded: limits.retainedEnded,
  retainedKeys: limits.retainedKeys,
  keyRetentionMs: limits.keyRetentionMs,
  executorStableMs: limits.executorStableMs,
  launchBackoffFirstMs: limits.launchBackoffFirstMs,
  launchBackoffMaxMs: limits.launchBackoffMaxMs,
  launchExcludeAfter: limits.launchExcludeAfter,
  launchExclusionMs: limits.launchExclusionMs,
  slices: limits as Slices,
  formats: ownFormats,
} satisfies Partial<MasterConfig>
