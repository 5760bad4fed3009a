import { LabelCounts } from '../../runtime/metrics/label-counts.js'
import type { ProcessEnd, ProcessName } from './worker-events.js'

export const processKinds = ['driver', 'executor'] as const
export type ProcessKind = (typeof processKinds)[number]

/** `memory`: it used more than it was given, or its heap was full. */
export const processOutcomes = ['success', 'failure', 'signal', 'memory', 'not_started'] as const
type ProcessOutcome = (typeof processOutcomes)[number]

/**
 * `memory`: this Worker killed it, because it used more than it was given. `kernel`: the kernel killed it,
 * because the machine or its control group lacked memory. `guard`: it had to end while the
 * Worker is isolated and did not, so the guard killed it.
 */
export const killReasons = ['memory', 'kernel', 'guard'] as const

/** What a Worker counts of its processes. It is the room of processes that writes here. */
export class WorkerMetrics {
  readonly started = new LabelCounts(processKinds)
  readonly ended: Readonly<Record<ProcessKind, LabelCounts<ProcessOutcome>>> = {
    driver: new LabelCounts(processOutcomes),
    executor: new LabelCounts(processOutcomes),
  }
  readonly kills = new LabelCounts(killReasons)
  guardRestarts = 0

  processStarted(process: ProcessName): void {
    this.started.add(kindOf(process))
  }

  processNotStarted(process: ProcessName): void {
    this.ended[kindOf(process)].add('not_started')
  }

  processEnded(process: ProcessName, end: ProcessEnd): void {
    this.ended[kindOf(process)].add(outcomeOf(end))
    if (end.overMemory?.by === 'kernel') this.kills.add('kernel')
  }
}

/** `app-ID/EXEC` or `driver-ID/GENERATION/ATTEMPT`. */
const kindOf = (process: ProcessName): ProcessKind => (process.split('/').length > 2 ? 'driver' : 'executor')

function outcomeOf({ overMemory, signal, exitCode }: ProcessEnd): ProcessOutcome {
  if (overMemory) return 'memory'
  if (signal !== null) return 'signal'
  return exitCode === 0 ? 'success' : 'failure'
}
