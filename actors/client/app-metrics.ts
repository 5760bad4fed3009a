import { counter, type Families, gauge, type Readings } from '../../runtime/metrics/family.js'
import type { AppStats } from './app.js'

/** Metrics of an application, in its driver: Masters and Workers never see tasks. */
export const applicationFamilies = {
  firesteel_tasks: gauge('Tasks that have not ended, by state.', 'state'),
  firesteel_tasks_ended_total: counter('Tasks that ended, by outcome.', 'outcome'),
  firesteel_task_repetitions_total: counter(
    'Attempts after a failure or timeout (failure), and after the loss of an executor or thread (loss).',
    'reason',
  ),
  firesteel_task_results_dropped_total: counter('Results whose attempt was no longer current.'),
  firesteel_application_executors: gauge('Executors that the application has.'),
} as const satisfies Families

/** The states of tasks and how they end, as labels have them. */
export const taskStates = ['running', 'at_executors', 'waiting'] as const
export const taskOutcomes = ['done', 'failed', 'cancelled'] as const
export const repetitionReasons = ['failure', 'loss'] as const

export function applicationReadings(stats: () => AppStats): Readings<typeof applicationFamilies> {
  return {
    firesteel_tasks: () => {
      const { running, atExecutors, waiting } = stats()
      const counts = { running, at_executors: atExecutors, waiting }
      return taskStates.map((state) => [{ state }, counts[state]] as const)
    },
    firesteel_tasks_ended_total: () =>
      taskOutcomes.map((outcome) => [{ outcome }, stats()[outcome]] as const),
    firesteel_task_repetitions_total: () => {
      const { retried, lost } = stats()
      const counts = { failure: retried, loss: lost }
      return repetitionReasons.map((reason) => [{ reason }, counts[reason]] as const)
    },
    firesteel_task_results_dropped_total: () => stats().dropped,
    firesteel_application_executors: () => stats().executors,
  }
}
