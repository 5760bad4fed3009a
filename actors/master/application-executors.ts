import type { KillExecutors, MasterChangeAcknowledged, RequestExecutors } from '../messages/applications.js'
import { isEndedExecutor } from '../messages/common.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import type { ApplicationEntry } from './application-entry.js'
import type { Books, PeerInfo } from './books.js'
import { endApplication } from './ending.js'
import { tellAdded } from './launching.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'
import { executorHolding } from './worker-entry.js'

/* The executors of an application: what it asks for, how they fare, what is left of them after a failover. */

/**
 * Executors listed but not on their Worker: LOST; those on a Worker that has yet to report count (11.5). A store that
 * forgot the application has forgotten its Workers too: they have adoptGrace to come.
 */
export function reconcileExecutors(
  books: Books,
  step: Step,
  app: ApplicationEntry,
  held: MasterChangeAcknowledged['executors'],
  adopted: boolean,
): void {
  app.listed.clear()
  for (const { execId, workerId } of held) {
    app.listed.add(execId)
    if (app.executors.has(execId)) continue
    const worker = books.workers.get(workerId)
    const awaited = worker ? !worker.answered && worker.state !== 'DEAD' : adopted
    if (awaited && !app.lost.has(execId)) {
      const { memoryMib, cores } = app.record.description.executor
      const holding = { cores: cores ?? 1, memoryMib, resources: {} }
      app.executors.set(execId, { appId: app.id, execId, workerId, state: 'RUNNING', ...holding })
      if (worker) worker.hold(executorHolding(app.id, execId), holding)
      else books.awaitWorker(step, app.id)
    } else {
      app.lose(step, execId, worker ? 'its worker does not run it' : 'its worker is gone')
    }
  }
  for (const executor of app.executors.values()) {
    const worker = books.workers.get(executor.workerId)
    if (worker && !app.listed.has(executor.execId)) tellAdded(step, app, executor, worker)
  }
}

/** Numbered by the application: a late one is ignored (protocol 10). */
export function requestExecutors(
  books: Books,
  step: Step,
  message: RequestExecutors,
  reply: ReplyToken,
): void {
  const app = books.apps.get(message.appId)
  if (app && message.request > app.targetRequest) {
    app.targetRequest = message.request
    app.target = message.total
    books.dirty = true
  }
  step.reply(reply, { type: 'ExecutorsAnswer', done: app !== undefined })
}

/** Killed executors leave the application at once, so that their end is no failure of it (Spark 4.8). */
export function killExecutors(books: Books, step: Step, message: KillExecutors, reply: ReplyToken): void {
  const app = books.apps.get(message.appId)
  let done = false
  for (const execId of message.execIds) {
    const executor = app?.executors.get(execId)
    if (!app || !executor) continue
    done = true
    app.executors.delete(execId)
    app.lost.add(execId)
    step.tell(executor.workerId, { type: 'KillExecutor', workerId: executor.workerId, appId: app.id, execId })
    step.tell(app.record.endpoint, {
      type: 'ExecutorUpdated',
      appId: app.id,
      execId,
      state: 'KILLED',
      message: 'killed on request',
    })
  }
  if (app && !done && message.execIds.length === 1) {
    step.reply(reply, unknownId(`${app.id}/${message.execIds[0]}`))
    return
  }
  books.dirty = true
  step.reply(reply, { type: 'ExecutorsAnswer', done: app !== undefined })
}

/** Spark 4.8. */
export function executorStateChanged(
  books: Books,
  step: Step,
  from: PeerInfo,
  message: ExecutorStateChanged,
): void {
  const { appId, execId, state, exitStatus, change } = message
  const worker = books.workers.get(from.incarnation)
  if (isEndedExecutor(state)) {
    worker?.release(executorHolding(appId, execId))
    books.dirty = true
  }
  const app = books.apps.get(appId)
  const executor = app?.executors.get(execId)
  if (app && executor && executor.workerId === from.incarnation) {
    executor.state = state
    step.tell(app.record.endpoint, {
      type: 'ExecutorUpdated',
      appId,
      execId,
      state,
      ...(message.message !== undefined && { message: message.message }),
      ...(exitStatus !== undefined && { exitStatus }),
    })
    if (state === 'RUNNING') app.failures = 0
    if (isEndedExecutor(state)) {
      app.executors.delete(execId)
      // Killed: on request, or with its Worker. Want of room: placed again.
      const failed = exitStatus !== 0 && state !== 'KILLED' && !message.noRoom
      if (failed) executorFailed(books, step, app, message.message ?? state)
    }
  }
  step.tell(from.incarnation, { type: 'ChangesAcknowledged', workerId: from.incarnation, changes: [change] })
}

function executorFailed(books: Books, step: Step, app: ApplicationEntry, reason: string): void {
  app.failures++
  const { maxExecutorRetries } = books.config
  if (maxExecutorRetries < 0 || app.failures < maxExecutorRetries || app.running > 0) return
  endApplication(books, step, app, 'FAILED', `${app.failures} executors in a row failed; the last: ${reason}`)
}

/** Workers of executors that an adopted application holds have not come within adoptGrace. */
export function giveUpWorkers(books: Books, step: Step, appId: string): void {
  books.awaitingWorkers.delete(appId)
  const app = books.apps.get(appId)
  if (!app) return
  for (const { execId, workerId } of [...app.executors.values()]) {
    if (!books.workers.has(workerId)) app.lose(step, execId, 'its worker has not come back')
  }
  books.dirty = true
}

/** Nobody has spoken up for these executors within adoptGrace. */
export function giveUpOrphans(books: Books, step: Step, appId: string): void {
  for (const { workerId, report } of books.takeOrphans(step, appId)) {
    step.tell(workerId, { type: 'KillExecutor', workerId, appId, execId: report.execId })
  }
}
