import { isDeepStrictEqual } from 'node:util'
import { formatHostPort } from '../../runtime/addresses.js'
import { limits } from '../../runtime/limits.js'
import { failureOf } from '../../runtime/system/system-messages.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { formatDuration } from '../../runtime/units.js'
import type {
  MasterChangeAcknowledged,
  RegisterApplication,
  RequestKillApplication,
  UnregisterApplication,
} from '../messages/applications.js'
import type { Failure } from '../messages/common.js'
import type { Registrant } from '../messages/executors.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import { notYours, ownerOf } from './access.js'
import { ApplicationEntry } from './application-entry.js'
import { announceUnlisted, takeListed, takeOrphans } from './application-executors.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { tellLeavingOf } from './drains.js'
import { askedBy, endApplication, endApplications } from './ending.js'
import { isBelieved } from './lost-writes/belief.js'
import type { ApplicationRecord } from './records.js'
import { tooMany, tooMuchHeld } from './refusals.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'

/*
 * Applications: registration, what they ask for, how their executors fare (Spark 1.5, 4.8, 4.9; protocol 10).
 */

const registrantOf = ({ role, subject }: PeerInfo): Registrant =>
  role === 'driver'
    ? { role, subject: subject ?? '' }
    : { role: 'client', ...(subject !== undefined && { subject }) }

/** It speaks for the application: the same client, with the same credential. */
const isEndpointOf = (from: PeerInfo, { endpoint, registrant }: ApplicationRecord): boolean =>
  from.incarnation === endpoint && isDeepStrictEqual(registrantOf(from), registrant)

const addressOf = (from: PeerInfo, { host = from.host, port }: { host?: string | undefined; port: number }) =>
  formatHostPort({ host, port })

/**
 * A repeated registration gets the same application, wherever the first answer was lost (protocol 10).
 */
export function registerApplication(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RegisterApplication,
  trace?: TraceContext,
): void {
  const { registration, description, driver, listen } = message
  const refusal = refuseRegistration(cluster, from, message)
  if (refusal) {
    step.tell(from.incarnation, { type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message: refusal })
    return
  }
  let app = cluster.appsByRegistration.get(registration)
  if (app && !isEndpointOf(from, app.record)) {
    step.tell(from.incarnation, notYours('is not that of the application with this registration'))
    return
  }
  const oversize = oversizeOf(description)
  const noRoom = oversize ? failureOf(recordTooLarge(oversize)) : noRoomFor(cluster, from)
  if (!app && noRoom) {
    step.tell(from.incarnation, noRoom)
    return
  }
  if (!app) {
    const older = driver ? cluster.apps.ofDriver(driver.id) : []
    endApplications(cluster, step, older, 'a newer attempt of its driver registered', 'DRIVER_RESTARTED')
    app = addApplication(cluster, step, {
      id: cluster.ids.application(step.now.wallMs),
      submittedAtMs: step.now.wallMs,
      registration,
      description,
      endpoint: from.incarnation,
      address: addressOf(from, listen),
      registrant: registrantOf(from),
      owner: ownerOf(cluster, from),
      ...(driver && { driver }),
      ...(trace && { trace }),
      execIds: 0,
    })
    step.log('info', 'application registered', { appId: app.id, name: description.name })
  }
  app.linked = true
  step.tell(from.incarnation, { type: 'RegisteredApplication', appId: app.id, registration })
  // The leader that registered it died before it could say so: it holds nothing, and this is all its answer.
  if (!app.answered) takeBack(cluster, step, app, {}, false)
}

/** A repeated registration is accepted once an application has ended. */
function noRoomFor({ apps, isFull }: ClusterState, { incarnation }: PeerInfo): Failure | undefined {
  if (isFull) return tooMuchHeld
  if (apps.ofEndpoint(incarnation).size >= limits.applicationsPerLink)
    return tooMany('this link has', 'applicationsPerLink')
  return apps.size >= limits.applications ? tooMany('the cluster has', 'applications') : undefined
}

function addApplication(cluster: ClusterState, step: Step, record: ApplicationRecord): ApplicationEntry {
  const app = new ApplicationEntry(record, 'WAITING', true, cluster.lostExecutors)
  cluster.apps.set(app.id, app)
  cluster.appsByRegistration.set(record.registration, app)
  step.put('app', app.id, record)
  cluster.dirty = true
  return app
}

/** Of a cluster driver only the accepted generation may register, and only its own (protocol S3a, 9). */
function refuseRegistration(
  cluster: ClusterState,
  from: PeerInfo,
  { driver }: RegisterApplication,
): string | undefined {
  if (from.role !== 'driver') return driver ? 'only a cluster driver may register as one' : undefined
  if (!driver || from.subject !== `${driver.id}/${driver.generation}`) {
    return `the credential is that of ${from.subject}`
  }
  const accepted = cluster.drivers.get(driver.id)?.record.generation
  if (accepted === driver.generation) return undefined
  return `generation ${driver.generation} of ${driver.id} is not the accepted one (${accepted ?? 'it has ended'})`
}

/** An application answers a new leader with all that the store does not keep (protocol 11.3). */
export function masterChangeAcknowledged(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: MasterChangeAcknowledged,
): void {
  const known = cluster.apps.get(message.appId)
  const app = known ?? adoptApplication(cluster, step, from, message)
  if (!app) {
    const ended = cluster.endedApps.get(message.appId)
    step.tell(from.incarnation, {
      type: 'ApplicationRemoved',
      appId: message.appId,
      state: ended?.state ?? 'FAILED',
      message: ended?.message ?? 'this Master does not hold the application',
    })
    return
  }
  if (!isEndpointOf(from, app.record)) return
  if (message.target && message.target.request > app.targetRequest) {
    app.targetRequest = message.target.request
    app.target = message.target.total
  }
  app.hearOf(message.highestExecId)
  if (app !== known) app.isAdopting = true
  takeBack(cluster, step, app, message, app.isAdopting)
}

/** It answers this leadership. With the whole answer it may be given executors (protocol 11.5). */
function takeBack(
  cluster: ClusterState,
  step: Step,
  app: ApplicationEntry,
  { executors = [], more = false }: Partial<Pick<MasterChangeAcknowledged, 'executors' | 'more'>>,
  adopted: boolean,
): void {
  app.linked = true
  cluster.lastAnswerMs = step.now.monotonicMs
  if (!app.isAnswering) app.listed.clear()
  app.isAnswering = more
  takeListed(cluster, step, app, executors, adopted)
  // Only the whole answer says what it does not hold.
  if (more) return
  app.isAdopting = false
  if (app.state === 'UNKNOWN') app.state = 'WAITING'
  app.answered = true
  announceUnlisted(cluster, step, app)
  tellLeavingOf(cluster, step, app)
  if (app.executors.size > 0) app.state = 'RUNNING'
  cluster.dirty = true
}

/**
 * Its registration lies above the store's position: the store forgot it, so it is taken back (protocol 12).
 */
function adoptApplication(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: MasterChangeAcknowledged,
): ApplicationEntry | undefined {
  const { appId, registeredAt, registration, description, driver, listen, highestExecId } = message
  if (!registeredAt || !cluster.isForgotten(registeredAt) || cluster.endedApps.has(appId)) return undefined
  if (from.role === 'driver' && from.subject !== `${driver?.id}/${driver?.generation}`) return undefined
  if (from.role !== 'driver' && driver) return undefined
  // It was counted when it registered, and what has ended since may not be known to be over.
  if (!description || cluster.isFull || oversizeOf(description)) return undefined
  if (!isBelieved(highestExecId, 0)) return undefined
  step.log('warn', 'adopted an application that the store forgot', { appId })
  const app = addApplication(cluster, step, {
    id: appId,
    submittedAtMs: step.now.wallMs,
    registration,
    description,
    endpoint: from.incarnation,
    address: addressOf(from, listen),
    registrant: registrantOf(from),
    owner: ownerOf(cluster, from),
    ...(driver && { driver }),
    execIds: highestExecId + 1,
  })
  app.nextExecId = highestExecId + 1
  takeOrphans(cluster, step, app)
  // Until all of its answer has come.
  app.answered = false
  return app
}

const KILLED = `its executors get SIGTERM now, and SIGKILL in ${formatDuration(limits.killGraceMs)}`

export function killApplication(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RequestKillApplication,
  reply: ReplyToken,
): void {
  const { appId } = message
  const app = cluster.apps.get(appId)
  const ended = cluster.endedApps.get(appId)
  if (app)
    endApplication(cluster, step, app, 'KILLED', 'killed on request', {
      endCause: 'KILL_ASKED',
      killAsked: askedBy(cluster, step, from, message.by),
    })
  if (app || ended) {
    const text = app ? KILLED : `it had already ended ${ended?.state}`
    step.reply(reply, { type: 'KillApplicationResponse', appId, message: text })
  } else {
    step.reply(reply, unknownId(appId))
  }
}

export function unregisterApplication(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: UnregisterApplication,
): void {
  const app = cluster.apps.get(message.appId)
  if (app && app.record.endpoint === from.incarnation) {
    endApplication(cluster, step, app, 'FINISHED', 'unregistered', { endCause: 'UNREGISTERED' })
  }
  step.tell(from.incarnation, { type: 'UnregisteredApplication', appId: message.appId })
}

/**
 * Their link is back, their answers not yet: that loop belongs to its user, so it has applicationTimeout
 * (protocol L4).
 */
export function applicationsLinked(cluster: ClusterState, step: Step, endpoint: string): void {
  if (cluster.apps.ofEndpoint(endpoint).size === 0) return
  cluster.gone.delete(endpoint)
  step.startTimer({ kind: 'application', endpoint }, cluster.config.applicationTimeoutMs)
}

/**
 * Their link closed: they have applicationGrace to come back, whether they have answered or not; Spark ends
 * them at once.
 */
export function applicationsUnlinked(cluster: ClusterState, step: Step, endpoint: string): void {
  const apps = cluster.apps.ofEndpoint(endpoint)
  if (apps.size === 0) return
  for (const app of apps) {
    app.linked = false
    app.isAnswering = false
  }
  step.startTimer({ kind: 'application', endpoint }, cluster.config.applicationGraceMs)
}

/** Those that have not answered meanwhile end, when their turn comes. */
export function applicationsSilent(cluster: ClusterState, endpoint: string): void {
  cluster.gone.add(endpoint)
  cluster.goOn()
}
