import { commitOutcomes } from '../../runtime/metrics/commit-metrics.js'
import {
  byLabel,
  counter,
  gauge,
  histogram,
  type Readings,
  stateSamples,
} from '../../runtime/metrics/family.js'
import type { StoreDegradation } from '../../runtime/persistence/engine.js'
import type { StoreRoundTrips } from '../../runtime/persistence/timed-engine.js'
import { MIB_BYTES } from '../../runtime/units.js'
import { type RecoveryState, recoveryStates } from '../messages/common.js'
import type { ClusterCounts } from './cluster-counts.js'
import type { CommitQueueView } from './commit-queue-view.js'
import type { MasterMetrics } from './master-metrics.js'

/** Metrics of a Master. Those of the cluster are 0 unless it leads. */
export const masterFamilies = {
  firesteel_master_state: gauge('1 for the present state of this Master, 0 for all others.', 'state'),
  firesteel_master_is_leader: gauge('1 from the election of this Master until its leadership ends, else 0.'),
  firesteel_master_epoch: gauge('The highest epoch that this Master has led or heard of.'),
  firesteel_elections_total: counter('Elections that this Master has won.'),
  firesteel_leaderships_ended_total: counter('Leaderships of this Master that ended, by reason.', 'reason'),
  firesteel_failover_duration_seconds: histogram(
    'Time without a leader, as the next leader saw it: from the end or last sign of life of the former one until this one was ALIVE.',
  ),
  firesteel_recovery_duration_seconds: histogram('From the election of this Master until it was ALIVE.'),
  firesteel_commit_duration_seconds: histogram(
    'From the first sending of a commit until it was durable, repetitions included.',
  ),
  firesteel_commit_records: histogram('Records in a durable commit.'),
  firesteel_commits_total: counter('Answers of the store to commits, by outcome.', 'outcome'),
  firesteel_commit_queue_bytes: gauge('Bytes of writes that are not durable yet.'),
  firesteel_store_round_trip_seconds: histogram(
    'How long the store took to answer, by operation.',
    'operation',
  ),
  firesteel_store_reachable: gauge('1 if the store answers this Master, else 0.'),
  firesteel_store_degraded: gauge(
    '1 while the store takes no writes of this leader, by reason, else 0.',
    'reason',
  ),
  firesteel_workers: gauge('Workers, by state.', 'state'),
  firesteel_cluster_cores: gauge('Cores of the ALIVE Workers.'),
  firesteel_cluster_cores_used: gauge('Cores of the ALIVE Workers that are given to drivers and executors.'),
  firesteel_cluster_memory_bytes: gauge('Memory that the ALIVE Workers offer.'),
  firesteel_cluster_memory_used_bytes: gauge(
    'Memory of the ALIVE Workers that is given to drivers and executors.',
  ),
  firesteel_applications: gauge('Live applications, by state.', 'state'),
  firesteel_drivers: gauge('Live drivers, by state.', 'state'),
  firesteel_executors: gauge('Live executors, by state.', 'state'),
  firesteel_waiting: gauge(
    'Drivers that wait for a Worker, and applications that wait for their first executor, by reason.',
    'kind',
    'reason',
  ),
  firesteel_applications_ended_total: counter(
    'Applications that ended under leaderships of this Master, by state.',
    'state',
  ),
  firesteel_drivers_ended_total: counter(
    'Drivers that ended under leaderships of this Master, by state.',
    'state',
  ),
} as const

export interface MasterGauges extends CommitQueueView {
  readonly state: RecoveryState
  /** Counts the cluster state, step by step. */
  readonly counting: () => Generator<void, ClusterCounts, undefined>
}

export interface MasterParts {
  readonly metrics: () => MasterMetrics
  readonly roundTrips: StoreRoundTrips
  readonly gauges: () => MasterGauges
  /** As they were counted last. */
  readonly counts: () => ClusterCounts
}

const degradations: readonly StoreDegradation[] = ['STORE_FULL', 'STORE_UNAVAILABLE']
const flag = (on: boolean): number => (on ? 1 : 0)

export function masterReadings(parts: MasterParts): Readings<typeof masterFamilies> {
  const { metrics, roundTrips, gauges, counts } = parts
  const commits = () => metrics().commits
  return {
    firesteel_master_state: () => stateSamples('state', recoveryStates, gauges().state),
    firesteel_master_is_leader: () => flag(metrics().leads),
    firesteel_master_epoch: () => metrics().epoch,
    firesteel_elections_total: () => metrics().elections,
    firesteel_leaderships_ended_total: () => byLabel('reason', metrics().leadershipsEnded.entries),
    firesteel_failover_duration_seconds: () => metrics().failoverDuration,
    firesteel_recovery_duration_seconds: () => metrics().recoveryDuration,
    firesteel_commit_duration_seconds: () => commits().duration,
    firesteel_commit_records: () => commits().records,
    firesteel_commits_total: () =>
      commitOutcomes.map((outcome) => [{ outcome }, commits().outcomes.get(outcome)] as const),
    firesteel_commit_queue_bytes: () => gauges().queuedBytes ?? 0,
    firesteel_store_round_trip_seconds: () =>
      Array.from(roundTrips, ([operation, times]) => [{ operation }, times] as const),
    firesteel_store_reachable: () => flag(gauges().storeReachable === true),
    firesteel_store_degraded: () => {
      const { degradation } = gauges()
      return degradations.map((reason) => [{ reason }, flag(reason === degradation)] as const)
    },
    ...clusterReadings(counts),
    firesteel_applications_ended_total: () => byLabel('state', metrics().applicationsEnded.entries),
    firesteel_drivers_ended_total: () => byLabel('state', metrics().driversEnded.entries),
  }
}

function clusterReadings(counts: () => ClusterCounts) {
  const waits = (kind: string, entries: Iterable<readonly [string, number]>) =>
    Array.from(entries, ([reason, count]) => [{ kind, reason }, count] as const)
  return {
    firesteel_workers: () => byLabel('state', counts().workers.entries),
    firesteel_cluster_cores: () => counts().cores,
    firesteel_cluster_cores_used: () => counts().coresUsed,
    firesteel_cluster_memory_bytes: () => counts().memoryMib * MIB_BYTES,
    firesteel_cluster_memory_used_bytes: () => counts().memoryMibUsed * MIB_BYTES,
    firesteel_applications: () => byLabel('state', counts().applications.entries),
    firesteel_drivers: () => byLabel('state', counts().drivers.entries),
    firesteel_executors: () => byLabel('state', counts().executors.entries),
    firesteel_waiting: () => [
      ...waits('driver', counts().waitingDrivers.entries),
      ...waits('application', counts().waitingApplications.entries),
    ],
  }
}
