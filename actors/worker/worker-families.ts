import { byLabel, counter, gauge, type Readings, type Samples } from '../../runtime/metrics/family.js'
import { LabelCounts } from '../../runtime/metrics/label-counts.js'
import { MIB_BYTES } from '../../runtime/units.js'
import { driverStates, executorStates, isEndedDriver, isEndedExecutor } from '../messages/common.js'
import type { WorkerStatus } from './status.js'
import { processKinds, type WorkerMetrics } from './worker-metrics.js'

/** Metrics of a Worker. */
export const workerFamilies = {
  firesteel_worker_registered: gauge('1 while a Master has this Worker in its cluster state, else 0.'),
  firesteel_worker_isolated: gauge(
    '1 while no Master has answered for so long that drivers may have to stop.',
  ),
  firesteel_worker_epoch: gauge('The epoch that this Worker obeys; 0 before the first.'),
  firesteel_worker_cores: gauge('Cores that this Worker offers.'),
  firesteel_worker_cores_used: gauge('Cores that are given to drivers and executors.'),
  firesteel_worker_memory_bytes: gauge('Memory that this Worker offers.'),
  firesteel_worker_memory_used_bytes: gauge('Memory that is given to drivers and executors.'),
  firesteel_worker_drivers: gauge('Drivers on this Worker, by state.', 'state'),
  firesteel_worker_executors: gauge('Executors on this Worker, by state.', 'state'),
  firesteel_processes_started_total: counter(
    'Processes of drivers and executors that started, by kind.',
    'kind',
  ),
  firesteel_processes_ended_total: counter(
    'Processes of drivers and executors that ended, or that could not be started, by kind and outcome.',
    'kind',
    'outcome',
  ),
  firesteel_process_kills_total: counter(
    'Processes killed because they used more memory than they were given (memory), by the kernel for lack of memory (kernel), and drivers that the guard killed during isolation (guard).',
    'reason',
  ),
  firesteel_guard_restarts_total: counter('Guards that ended and were replaced.'),
} as const

/** How a Worker stands with its Masters. */
export interface WorkerStanding {
  readonly registered: boolean
  readonly isolated: boolean
  readonly epoch: number
}

export interface WorkerParts {
  readonly metrics: () => WorkerMetrics
  readonly standing: () => WorkerStanding
  /** As it was at the beginning of this page. */
  readonly status: () => WorkerStatus
}

export function workerReadings({ metrics, standing, status }: WorkerParts): Readings<typeof workerFamilies> {
  return {
    firesteel_worker_registered: () => Number(standing().registered),
    firesteel_worker_isolated: () => Number(standing().isolated),
    firesteel_worker_epoch: () => standing().epoch,
    firesteel_worker_cores: () => status().cores,
    firesteel_worker_cores_used: () => status().coresUsed,
    firesteel_worker_memory_bytes: () => status().memoryMib * MIB_BYTES,
    firesteel_worker_memory_used_bytes: () => status().memoryMibUsed * MIB_BYTES,
    firesteel_worker_drivers: () =>
      byState(
        driverStates.filter((state) => !isEndedDriver(state)),
        status().drivers,
      ),
    firesteel_worker_executors: () =>
      byState(
        executorStates.filter((state) => !isEndedExecutor(state)),
        status().executors,
      ),
    firesteel_processes_started_total: () => byLabel('kind', metrics().started.entries),
    firesteel_processes_ended_total: () =>
      processKinds.flatMap((kind) =>
        Array.from(metrics().ended[kind].entries, ([outcome, count]) => [{ kind, outcome }, count] as const),
      ),
    firesteel_process_kills_total: () => byLabel('reason', metrics().kills.entries),
    firesteel_guard_restarts_total: () => metrics().guardRestarts,
  }
}

function byState(states: readonly string[], work: readonly { readonly state: string }[]): Samples {
  const counts = new LabelCounts(states)
  for (const { state } of work) counts.add(state)
  return byLabel('state', counts.entries)
}
