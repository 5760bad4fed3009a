import type { Fence, Position } from '../../../runtime/persistence/engine.js'
import type { OwnedPosition } from '../../messages/common.js'
import type { DriverLife } from '../../messages/driver-life.js'
import type { LaunchDriver } from '../../messages/drivers.js'
import type { LaunchExecutor } from '../../messages/executors.js'
import type { Change, ChangeDraft } from '../change.js'
import type { DriverPhase } from '../driver-phase.js'
import type { WorkerDriverStatus, WorkerExecutorStatus } from '../status.js'

/*
 * What the core of a Worker knows, as plain data: the next process of a planned restart goes on with it
 * (protocol 8.6). Times are ages, or of the boot clock, because each process has its own monotonic clock.
 */

export interface SavedOutbox {
  readonly next: number
  readonly kept: readonly {
    readonly change: Change
    readonly acknowledged?: { readonly agoMs: number; readonly position: OwnedPosition }
  }[]
}

export interface SavedLedger {
  readonly generations: readonly (readonly [driverId: string, generation: number])[]
  readonly executors: readonly string[]
  readonly ends: readonly ChangeDraft[]
}

export interface SavedExecutor {
  readonly launch: LaunchExecutor
  readonly launchedAt: OwnedPosition
  readonly started: boolean
  readonly leaves?: boolean
  readonly killedBecause?: string
}

export interface SavedExecutors {
  readonly live: readonly SavedExecutor[]
  readonly endedApps: readonly string[]
  readonly finished: readonly WorkerExecutorStatus[]
}

export interface SavedDriver {
  readonly launch: LaunchDriver
  readonly launchedAt: OwnedPosition
  readonly phase: DriverPhase
  readonly attempt: number
  /** When it was saved. Only a next process of an earlier release needs it. */
  readonly startedAgoMs: number
  /** Absent: an earlier release saved it. */
  readonly startedAtBootMs?: number
  readonly killedBecause?: string
  readonly pid?: number
  readonly nextStartAtMs?: number
  readonly life: DriverLife
  readonly restartRequest?: string
  readonly restarting: boolean
  readonly ready: boolean
  readonly cut?: string
  readonly backoff: { readonly waits: number; readonly crashes: number }
}

export interface SavedDrivers {
  readonly live: readonly SavedDriver[]
  readonly finished: readonly WorkerDriverStatus[]
}

/** The restart that is under way. */
export interface SavedRestarts {
  /** This one included. */
  readonly count: number
  /** Who asked for it; absent: a signal did. */
  readonly request?: string
  readonly announcedAtBootMs: number
}

export interface SavedWorker {
  readonly restarts: SavedRestarts
  readonly leader?: Fence
  readonly seen?: Position
  /** The W that it lives by. Absent: an earlier release, which always lives by its own. */
  readonly workerTimeoutMs?: number
  readonly contact: { readonly lastBootMs: number; readonly isolated: boolean }
  /** The last list of Masters that one of them sent. */
  readonly masters: readonly string[]
  readonly outbox: SavedOutbox
  readonly ledger: SavedLedger
  readonly executors: SavedExecutors
  readonly drivers: SavedDrivers
}
