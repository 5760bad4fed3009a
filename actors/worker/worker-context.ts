import type { DriverProgressed } from '../messages/drivers.js'
import type { ChangeDraft } from './change.js'
import type { Contact } from './contact.js'
import type { LaunchLedger } from './launch-ledger.js'
import type { ResourceAccount } from './resource-account.js'
import type { LogLevel, WorkerEffect } from './worker-events.js'
import type { WorkerTimes } from './worker-identity.js'

/** What the parts of the core share. All their effects go through it. */
export interface WorkerContext {
  readonly times: WorkerTimes
  readonly account: ResourceAccount
  readonly ledger: LaunchLedger
  readonly contact: Contact
  emit(effect: WorkerEffect): void
  log(level: LogLevel, text: string, fields?: object): void
  /** Keeps the change until it is acknowledged, and tells the leader if there is one. */
  report(draft: ChangeDraft): void
  /**
   * Tells the leader how a driver fares, if there is one. It is not kept, because the full report says it
   * too.
   */
  progressed(driver: Omit<DriverProgressed, 'type' | 'workerId'>): void
  /** True: a leader is linked and has our full report. */
  hasLeader(): boolean
  /** A planned restart has begun: nothing new is started by this process. */
  isHandingOver(): boolean
  /** Sends the full report, because the Master's record of this Worker is wrong somewhere. */
  correctMaster(): void
}
