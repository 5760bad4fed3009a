import type {
  KillExecutors,
  MasterChangeAcknowledged,
  RegisterApplication,
  RequestExecutors,
  RequestKillApplication,
  UnregisterApplication,
} from '../messages/applications.js'
import { comparePositions, isEndedExecutor } from '../messages/common.js'
import type { ExecutorStateChanged, Registrant } from '../messages/executors.js'
import { ApplicationEntry } from './application-entry.js'
import type { Books, PeerInfo } from './books.js'
import { endApplication } from './ending.js'
import { tellAdded } from './launching.js'
import type { ApplicationRecord } from './records.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'
import { executorHolding } from './worker-entry.js'

/* Applications: registration, what they ask for, how their executors fare (Spark 1.5, 4.8, 4.9; protocol 10). */

const registrantOf = (from: PeerInfo): Registrant =>
  from.role === 'driver' ? { role: 'driver', subject: from.subject ?? '' } : { role: 'client' }

const addressOf = (from: PeerInfo, listen: { host?: string | undefined; port: number }): string => {
  const host = listen.host ?? from.host
  return host.includes(':') ? `[${host}]:${listen.port}` : `${host}:${listen.port}`
}

/** The repetition of a registration gives the same application, whoever lost the first answer (protocol 10). */
export function registerApplication(
  books: Books,
  step: Step,
  from: PeerInfo,
  message: RegisterApplication,
): void {
  const { registration, description, driver, listen } = message
  const refusal = refuseRegistration(books, from, message)
  if (refusal) {
    step.tell(from.incarnation, { type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message: refusal })
    return
  }
  let app = books.appsByRegistration.get(registration)
  if (!app) {
    for (const older of driver ? [...books.apps.values()] : []) {
      if (older.record.driver?.id !== driver?.id) continue
      endApplication(books, step, older, 'FINISHED', 'a newer attempt of its driver registered')
    }
    app = addApplication(books, step, {
      id: books.ids.application(step.now.wallMs),
      submittedAtMs: step.now.wallMs,
      registration,
      description,
      endpoint: from.incarnation,
      address: addressOf(from, listen),
      registrant: registrantOf(from),
      ...(driver && { driver }),
      execIds: 0,
    })
    step.log('info', 'application registered', { appId: app.id, name: description.name })
  }
  app.linked = true
  step.cancelTimer(`application:${app.id}`)
  step.tell(from.incarnation, { type: 'RegisteredApplication', appId: app.id, registration })
}

function addApplication(books: Books, step: Step, record: ApplicationRecord): ApplicationEntry {
  const app = new ApplicationEntry(record, 'WAITING', true, step.now.monotonicMs)
  books.apps.set(app.id, app)
  books.appsByRegistration.set(record.registration, app)
  step.put('app', app.id, record)
  books.dirty = true
  return app
}

/** Of a cluster driver only the accepted generation may register, and only its own (S3a, protocol 9). */
function refuseRegistration(
  books: Books,
  from: PeerInfo,
  { driver }: RegisterApplication,
): string | undefined {
  if (from.role !== 'driver') return driver ? 'only a cluster driver may register as one' : undefined
  if (!driver || from.subject !== `${driver.id}/${driver.generation}`) {
    return `the credential is that of ${from.subject}`
  }
  const accepted = books.drivers.get(driver.id)?.record.generation
  if (accepted === driver.generation) return undefined
  return `generation ${driver.generation} of ${driver.id} is not the accepted one (${accepted ?? 'it has ended'})`
}

/** An application answers a new leader with all that the store does not keep (protocol 11.3). */
export function masterChangeAcknowledged(
  books: Books,
  step: Step,
  from: PeerInfo,
  message: MasterChangeAcknowledged,
): void {
  const known = books.apps.get(message.appId)
  const app = known ?? adoptApplication(books, step, from, message)
  if (!app) {
    const ended = books.endedApps.get(message.appId)
    step.tell(from.incarnation, {
      type: 'ApplicationRemoved',
      appId: message.appId,
      state: ended?.state ?? 'FAILED',
      message: ended?.message ?? 'this Master does not hold the application',
    })
    return
  }
  if (app.record.endpoint !== from.incarnation) return
  if (app.state === 'UNKNOWN') app.state = 'WAITING'
  app.answered = true
  app.linked = true
  step.cancelTimer(`application:${app.id}`)
  books.lastAnswerMs = step.now.monotonicMs
  if (message.target && message.target.request > app.targetRequest) {
    app.targetRequest = message.target.request
    app.target = message.target.total
  }
  app.nextExecId = Math.max(app.nextExecId, message.highestExecId + 1)
  reconcileExecutors(books, step, app, message, app !== known)
  if (app.executors.size > 0) app.state = 'RUNNING'
  books.dirty = true
}

/**
 * Executors listed but not on their Worker: LOST; those on a Worker that has not answered count (11.5). A store that
 * forgot the application has forgotten its Workers too: they have adoptGrace to come.
 */
function reconcileExecutors(
  books: Books,
  step: Step,
  app: ApplicationEntry,
  message: MasterChangeAcknowledged,
  adopted: boolean,
): void {
  app.listed.clear()
  for (const { execId, workerId } of message.executors) {
    app.listed.add(execId)
    if (app.executors.has(execId)) continue
    const worker = books.workers.get(workerId)
    if (worker?.state === 'UNKNOWN' || (!worker && adopted)) {
      const { memoryMib, cores } = app.record.description.executor
      const holding = { cores: cores ?? 1, memoryMib, resources: {} }
      app.executors.set(execId, { appId: app.id, execId, workerId, state: 'RUNNING', ...holding })
      if (worker) worker.hold(executorHolding(app.id, execId), holding)
      else books.awaitWorker(step, app.id)
    } else {
      loseExecutor(step, app, execId, worker ? 'its worker does not run it' : 'its worker is gone')
    }
  }
  for (const executor of app.executors.values()) {
    const worker = books.workers.get(executor.workerId)
    if (worker && !app.listed.has(executor.execId)) tellAdded(step, app, executor, worker)
  }
}

/** Its registration lies above the store's position: the store forgot it, so it is taken back (protocol 12). */
function adoptApplication(
  books: Books,
  step: Step,
  from: PeerInfo,
  message: MasterChangeAcknowledged,
): ApplicationEntry | undefined {
  const { appId, registeredAt, registration, description, driver, listen, highestExecId } = message
  if (!registeredAt || comparePositions(registeredAt, books.leadership.base) <= 0) return undefined
  if (registeredAt.epoch >= books.leadership.epoch || books.endedApps.has(appId)) return undefined
  step.log('warn', 'adopted an application that the store forgot', { appId })
  const app = addApplication(books, step, {
    id: appId,
    submittedAtMs: step.now.wallMs,
    registration,
    description,
    endpoint: from.incarnation,
    address: addressOf(from, listen),
    registrant: registrantOf(from),
    ...(driver && { driver }),
    execIds: highestExecId + 1,
  })
  app.nextExecId = highestExecId + 1
  for (const { workerId, report } of books.takeOrphans(step, appId)) {
    app.executors.set(report.execId, { ...report, workerId })
  }
  return app
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

export function killApplication(
  books: Books,
  step: Step,
  message: RequestKillApplication,
  reply: ReplyToken,
): void {
  const { appId } = message
  const app = books.apps.get(appId)
  const ended = books.endedApps.get(appId)
  if (app) endApplication(books, step, app, 'KILLED', 'killed on request')
  if (app || ended) {
    const text = app ? 'killed' : `it had already ended ${ended?.state}`
    step.reply(reply, { type: 'KillApplicationResponse', appId, message: text })
  } else {
    step.reply(reply, unknownId(appId))
  }
}

export function unregisterApplication(
  books: Books,
  step: Step,
  from: PeerInfo,
  message: UnregisterApplication,
): void {
  const app = books.apps.get(message.appId)
  if (app && app.record.endpoint === from.incarnation) {
    endApplication(books, step, app, 'FINISHED', 'unregistered')
  }
  step.tell(from.incarnation, { type: 'UnregisteredApplication', appId: message.appId })
}

/** Its link closed: it has applicationGrace to come back; Spark ends it at once. */
export function applicationUnlinked(books: Books, step: Step, incarnation: string): void {
  for (const app of books.apps.values()) {
    if (app.record.endpoint !== incarnation) continue
    app.linked = false
    if (app.answered) step.startTimer(`application:${app.id}`, books.config.applicationGraceMs)
  }
}

export function applicationSilent(books: Books, step: Step, appId: string): void {
  const app = books.apps.get(appId)
  if (!app || app.linked) return
  endApplication(books, step, app, 'FINISHED', 'its driver is gone')
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

function loseExecutor(step: Step, app: ApplicationEntry, execId: number, message: string): void {
  app.executors.delete(execId)
  app.lost.add(execId)
  step.tell(app.record.endpoint, { type: 'ExecutorUpdated', appId: app.id, execId, state: 'LOST', message })
}

/** Workers of executors that an adopted application holds have not come within adoptGrace. */
export function giveUpWorkers(books: Books, step: Step, appId: string): void {
  books.awaitingWorkers.delete(appId)
  const app = books.apps.get(appId)
  if (!app) return
  for (const { execId, workerId } of [...app.executors.values()]) {
    if (!books.workers.has(workerId)) loseExecutor(step, app, execId, 'its worker has not come back')
  }
  books.dirty = true
}

/** Nobody has spoken up for these executors within adoptGrace. */
export function giveUpOrphans(books: Books, step: Step, appId: string): void {
  for (const { workerId, report } of books.takeOrphans(step, appId)) {
    step.tell(workerId, { type: 'KillExecutor', workerId, appId, execId: report.execId })
  }
}
