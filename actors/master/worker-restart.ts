import type { RegisterWorker } from '../messages/workers.js'
import type { ClusterState } from './cluster-state.js'
import type { Step } from './step.js'
import { WorkerEntry } from './worker-entry.js'

/* A Worker that restarts as announced, and whose work lives on meanwhile (protocol 8.6). */

/** It is told when this is durable, so that the next leader buries it as little as this one. */
export function noteRestart(step: Step, worker: WorkerEntry, restartMs: number, sentAtMs: number): void {
  worker.record = { ...worker.record, restartMs }
  worker.restartNotedAtMs = step.now.monotonicMs
  step.put('worker', worker.id, worker.record)
  step.tell(worker.id, { type: 'HeartbeatAck', workerId: worker.id, sentAtMs, restarting: true })
  step.log('info', 'a worker restarts, and its work goes on', { workerId: worker.id, restartMs })
}

/** For so long nothing is concluded from its silence. A new leader does not know when it was announced. */
export function restartLeftMs(cluster: ClusterState, step: Step, worker: WorkerEntry): number {
  const { restartMs } = worker.record
  if (restartMs === undefined) return 0
  const sinceMs = worker.restartNotedAtMs ?? cluster.leadership.electedAtMs
  return Math.max(0, sinceMs + restartMs - step.now.monotonicMs)
}

/** The next process of it has registered, perhaps with another offer. Its report follows. */
export function returned(step: Step, worker: WorkerEntry, message: RegisterWorker): void {
  if (!worker.isRestarting) return
  const { restartMs: _, ...record } = worker.record
  const { cores, memoryMib, resources, labels, web } = WorkerEntry.recordOf(message)
  worker.record = { ...record, cores, memoryMib, resources, labels, web }
  worker.restartNotedAtMs = undefined
  step.put('worker', worker.id, worker.record)
  step.cancelTimer({ kind: 'probe', workerId: worker.id, number: 1 })
  step.log('info', 'a worker has restarted', { workerId: worker.id })
}
