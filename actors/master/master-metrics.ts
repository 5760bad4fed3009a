import type { Clock } from '../../runtime/clock.js'
import { CommitMetrics } from '../../runtime/metrics/commit-metrics.js'
import { FailoverWatch } from '../../runtime/metrics/failover-watch.js'
import { Histogram, longSeconds } from '../../runtime/metrics/histogram.js'
import { LabelCounts } from '../../runtime/metrics/label-counts.js'
import {
  type ApplicationState,
  applicationStates,
  type DriverState,
  driverStates,
  isEndedDriver,
} from '../messages/common.js'
import type { MasterEvent } from './master-event.js'
import type { EndedRecord } from './records.js'
import type { PutEntry } from './step.js'

export const endedApplicationStates: readonly ApplicationState[] = applicationStates.filter(
  (state) => state !== 'WAITING' && state !== 'RUNNING' && state !== 'UNKNOWN',
)
export const endedDriverStates = driverStates.filter(isEndedDriver)
export const leadershipEnds = ['handed_over', 'lost'] as const

/**
 * What a Master's process counts, over all its incarnations. Its shells write plain numbers here; nothing of
 * it decides anything.
 */
export class MasterMetrics {
  readonly #failover = new FailoverWatch()
  readonly failoverDuration = new Histogram(longSeconds)
  readonly recoveryDuration = new Histogram(longSeconds)
  readonly leadershipsEnded = new LabelCounts(leadershipEnds)
  readonly applicationsEnded = new LabelCounts<ApplicationState>(endedApplicationStates)
  readonly driversEnded = new LabelCounts<DriverState>(endedDriverStates)
  readonly commits = new CommitMetrics()
  elections = 0
  leads = false
  /** The highest epoch that it led or heard of. */
  epoch = 0
  #electedMs = 0

  observed(event: MasterEvent, nowMs: number): void {
    switch (event.event) {
      case 'elected':
        this.elections++
        this.leads = true
        this.epoch = Math.max(this.epoch, event.epoch)
        this.#electedMs = nowMs
        break
      case 'alive': {
        this.recoveryDuration.observe((nowMs - this.#electedMs) / 1000)
        const goneMs = this.#failover.alive(nowMs)
        if (goneMs !== undefined) this.failoverDuration.observe(goneMs / 1000)
        break
      }
      case 'leaderObserved':
        this.epoch = Math.max(this.epoch, event.epoch)
        break
      case 'revoked':
        this.leads = false
        this.leadershipsEnded.add(event.handedOver ? 'handed_over' : 'lost')
        this.#failover.gone(nowMs)
        break
      case 'hindered':
      case 'leaderGone':
      case 'mastersObserved':
      case 'tokensInForce':
      case 'succeeded':
      case 'unrecoverable':
        break
    }
  }

  /** A message of a peer: only what the leader says matters here. */
  heard(type: string, from: string, clock: Clock): void {
    if (type === 'LeaderPulse' || type === 'MasterChanged') this.#failover.leads(from, clock.monotonicMs())
    else if (type === 'HandOver') this.#failover.gone(clock.monotonicMs())
  }

  linkEnded(incarnation: string, clock: Clock): void {
    this.#failover.linkEnded(incarnation, clock.monotonicMs())
  }

  /** Counts the ends among the writes of a step. */
  written(puts: readonly PutEntry[]): void {
    for (const { table, value } of puts) {
      if (table !== 'ended') continue
      const ended = value as EndedRecord
      if (ended.kind === 'app') this.applicationsEnded.add(ended.state)
      else this.driversEnded.add(ended.state)
    }
  }
}
