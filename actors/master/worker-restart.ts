import type {
  RequestRestartWorker,
  RestartWorkerResponse,
  WorkerRestartRefused,
  WorkerRestarts,
} from '../messages/worker-restart.js'
import type { RegisterWorker } from '../messages/workers.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { endDrainOf, leftOn } from './drains.js'
import type { WorkerRecord } from './records.js'
import type { ReplyToken, Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'
import { workersMeant } from './workers-meant.js'

/* A Worker that restarts as announced, and whose work lives on meanwhile (protocol 8.6). */

/** It is told when this is durable, so that the next leader buries it as little as this one. */
export function noteRestart(
  cluster: ClusterState,
  step: Step,
  worker: WorkerEntry,
  restartMs: number,
  sentAtMs: number,
): void {
  worker.record = { ...worker.record, restartMs }
  worker.restartNotedAtMs = step.now.monotonicMs
  step.put('worker', worker.id, worker.record)
  const { workerTimeoutMs } = cluster.config
  const ack = { type: 'HeartbeatAck', workerId: worker.id, sentAtMs, workerTimeoutMs } as const
  step.tell(worker.id, { ...ack, restarting: true })
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
export function returned(
  cluster: ClusterState,
  step: Step,
  worker: WorkerEntry,
  message: RegisterWorker,
): void {
  const { restarts } = message
  // One that no leader heard of is known by its number.
  if (!worker.isRestarting && restarts?.count === worker.record.restarts?.count) return
  const { type, id, name, host, port, workerTimeoutMs, orphanGraceMs, ...offer } = message
  // What this process does not say holds no longer. Its key goes: one that is undefined is lost in JSON.
  const { isSupervised, confinement, restarts: former, ...record } = withoutRestart(worker)
  worker.record = { ...record, ...offer }
  worker.restartAsked = undefined
  step.put('worker', worker.id, worker.record)
  // The process that was to stop has restarted instead, under its incarnation.
  endDrainOf(cluster, step, worker)
  step.cancelTimer({ kind: 'probe', workerId: worker.id, number: 1 })
  step.log('info', 'a worker has restarted', { workerId: worker.id, gapMs: restarts?.gapMs })
}

/** It could not leave its work after all, and says so by a heartbeat as any other. */
export function calledOff(step: Step, worker: WorkerEntry): void {
  worker.record = withoutRestart(worker)
  step.put('worker', worker.id, worker.record)
  step.log('info', 'a worker does not restart after all', { workerId: worker.id })
}

/** Its record from when it restarts no more. */
function withoutRestart(worker: WorkerEntry): WorkerRecord {
  const { restartMs: _, ...record } = worker.record
  worker.restartNotedAtMs = undefined
  return record
}

/** The store may have forgotten it: whoever asks counts from what this Worker says. */
export function learnRestarts(step: Step, worker: WorkerEntry, told: WorkerRestarts | undefined): void {
  if (!told || told.count <= (worker.record.restarts?.count ?? 0)) return
  worker.record = { ...worker.record, restarts: told }
  step.put('worker', worker.id, worker.record)
}

/** Somebody wants it to restart, or looks how far that is. */
export function askRestart(
  cluster: ClusterState,
  step: Step,
  message: RequestRestartWorker,
  reply: ReplyToken,
): void {
  const { meant, problem } = workersMeant(cluster, [message.worker])
  const worker = meant[0]?.worker
  if (!worker) {
    step.reply(reply, problem ?? refusal(`no process of ${message.worker} is known`))
    return
  }
  const { name, restarts } = worker.record
  const count = restarts?.count ?? 0
  const asked = worker.restartAsked
  const answer = (state: RestartWorkerResponse['state'], refused?: string): void =>
    step.reply(reply, {
      type: 'RestartWorkerResponse',
      workerId: worker.id,
      name,
      state,
      count,
      ...(restarts && { gapMs: restarts.gapMs }),
      ...(refused !== undefined && { message: refused }),
      ...leftOn(cluster, worker),
    })
  const isBack = worker.linked && worker.answered && !worker.isRestarting
  if (worker.state === 'DEAD') step.reply(reply, refusal(deadText(worker)))
  else if (hasRestarted(message, restarts)) answer(isBack ? 'RESTARTED' : 'RESTARTING')
  else if (asked?.request === message.request && asked.refused !== undefined) answer('REFUSED', asked.refused)
  else if (!worker.record.isSupervised) step.reply(reply, refusal(unsupervisedText(name)))
  // Its next process may have begun before this was asked: this count is no `since`.
  else if (!isBack) answer('RESTARTING')
  else {
    worker.restartAsked = { request: message.request }
    step.tell(worker.id, { type: 'RestartWorker', workerId: worker.id, request: message.request })
    answer('ASKED')
  }
}

const hasRestarted = (
  { request, since }: RequestRestartWorker,
  restarts: WorkerRestarts | undefined,
): boolean =>
  restarts !== undefined && (restarts.request === request || (since !== undefined && restarts.count > since))

const deadText = ({ record, lostBecause }: WorkerEntry): string =>
  `${record.name} is DEAD${lostBecause === undefined ? '' : ` (${lostBecause})`}: what it ran has ended`

const unsupervisedText = (name: string): string =>
  `nobody would start ${name} again: neither a launcher nor a service manager runs it`

const refusal = (message: string) =>
  ({ type: 'Failure', code: 'FIRESTEEL_RESTART_REFUSED', message }) as const

/** It goes on as before. */
export function restartRefused(
  cluster: ClusterState,
  step: Step,
  { incarnation }: PeerInfo,
  { request, message }: WorkerRestartRefused,
): void {
  const worker = cluster.workers.get(incarnation)
  if (worker?.restartAsked?.request !== request) return
  worker.restartAsked = { request, refused: message }
  step.log('warn', 'a worker refused to restart', { workerId: worker.id, reason: message })
}
