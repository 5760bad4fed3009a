import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { formatDuration } from '../../runtime/units.js'
import { type Failure, isEndedDriver } from '../messages/common.js'
import { endCauseOf, endKindOf, isForGood } from '../messages/driver-end.js'
import type {
  DriverStateChanged,
  DriverStatusResponse,
  RequestDriverStatus,
  RequestKillDriver,
  RequestRestartDriver,
  RequestSubmitDriver,
} from '../messages/drivers.js'
import { notYours, ownedBy, ownerOf, owns } from './access.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { codeRefusal, keepCodeOf } from './code.js'
import { driverDigest } from './driver-digest.js'
import type { DriverEntry } from './driver-entry.js'
import { noteLife } from './driver-progress.js'
import { driverFailureOf } from './ended-launches.js'
import { askedBy, endDriver } from './ending.js'
import { driverFailed } from './failed-launches.js'
import { cachesGoneAtMs, mayComeBack, mayHearOfLater, mayRunLater } from './held-ends.js'
import { tellRestartDriver } from './launching.js'
import { isBelieved } from './lost-writes/belief.js'
import type { KeptEnd, KeptEnds } from './lost-writes/kept-ends.js'
import { type EndedDriver, neverLaunched, type StoredRecords } from './records.js'
import { tooMuchHeld } from './refusals.js'
import type { ReplyToken, Step } from './step.js'
import { giveUp } from './superseding.js'
import { driverHolding } from './worker-entry.js'

/* Drivers: submission, kill, status, and what their Workers say of them (protocol 9, 15). */

/** Whether it belongs to a driver or to none can be said. */
export const knowsKey = (cluster: ClusterState, key: string): boolean =>
  cluster.keysComplete || cluster.driversByKey.has(key) || cluster.keys.has(key)

/**
 * Keys of drivers that ended under former leaders. Those of this one are newer; the oldest go first when
 * there are too many.
 */
export function keysRead(cluster: ClusterState, records: StoredRecords['keys'], complete: boolean): void {
  for (const [key, record] of records) {
    if (!cluster.keys.has(key) && !cluster.driversByKey.has(key)) cluster.keys.set(key, record)
  }
  if (!complete) return
  cluster.keysComplete = true
  const inOrder = [...cluster.keys].sort(([, a], [, b]) => a.endedAtMs - b.endedAtMs)
  cluster.keys.clear()
  for (const [key, record] of inOrder) cluster.keys.set(key, record)
}

export function submitDriver(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RequestSubmitDriver,
  reply: ReplyToken,
  trace?: TraceContext,
): void {
  const { key, description } = message
  const digest = driverDigest(description)
  const live = cluster.driversByKey.get(key)
  const ended = cluster.keys.get(key)
  const known = live
    ? { driverId: live.id, digest: live.record.digest, state: live.shownState }
    : ended && {
        driverId: ended.driverId,
        digest: ended.digest,
        state: cluster.endedDrivers.get(ended.driverId)?.state ?? ('FINISHED' as const),
      }
  const theirs = known && ownedBy(cluster, known.driverId)
  if (theirs && !owns(from, theirs)) {
    step.reply(reply, notYours(`has not submitted what the key ${JSON.stringify(key)} belongs to`))
    return
  }
  if (known && known.digest !== digest) {
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_KEY_REUSED',
      message: `the key ${JSON.stringify(key)} belongs to ${known.driverId}, whose content is another`,
    })
    return
  }
  if (known) {
    step.reply(reply, { type: 'SubmitDriverResponse', driverId: known.driverId, key, state: known.state })
    return
  }
  const driver = newDriver(cluster, step, from, { key, description }, trace)
  if ('type' in driver) step.reply(reply, driver)
  else step.reply(reply, { type: 'SubmitDriverResponse', driverId: driver.id, key, state: 'SUBMITTED' })
}

/** A driver of this key, or why there can be none. */
export function newDriver(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { key, description }: Pick<RequestSubmitDriver, 'key' | 'description'>,
  trace?: TraceContext,
): DriverEntry | Failure {
  const refusal = codeRefusal(cluster, description)
  if (refusal) return refusal
  if (cluster.isFull) return tooMuchHeld
  const driverId = cluster.ids.driver(step.now.wallMs)
  const driver = cluster.addDriver(step, {
    id: driverId,
    submittedAtMs: step.now.wallMs,
    description,
    key,
    digest: driverDigest(description),
    owner: ownerOf(cluster, from),
    ...neverLaunched,
    ...(trace && { trace }),
  })
  keepCodeOf(cluster, step, description)
  step.log('info', 'driver submitted', { driverId, name: description.name })
  return driver
}

export function killDriverOnRequest(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RequestKillDriver,
  reply: ReplyToken,
): void {
  const { driverId } = message
  const driver = cluster.drivers.get(driverId)
  const answer = (text: string) => step.reply(reply, { type: 'KillDriverResponse', driverId, message: text })
  if (driver) {
    answer(killDriver(cluster, step, from, driver, message.by))
  } else {
    const ended = cluster.endedDrivers.get(driverId)
    if (ended) answer(`it had already ended ${ended.state}`)
    else step.reply(reply, unknownDriver(cluster, driverId))
  }
}

const GRACE = formatDuration(limits.killGraceMs)

/** Returns what becomes of it, for people. */
export function killDriver(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  driver: DriverEntry,
  by: string | undefined,
): string {
  const { workerId, generation, wanted } = driver.record
  const killAsked = askedBy(cluster, step, from, by)
  if (driver.queued) {
    driver.record = { ...driver.record, wanted: 'KILL', killAsked }
    endDriver(cluster, step, driver, {
      state: 'KILLED',
      endCause: 'KILLED_BEFORE_START',
      message: 'killed before it started',
    })
    return 'killed before it started'
  }
  if (wanted !== 'KILL')
    driver.record = {
      ...driver.withEvent(step.now.wallMs, 'its end was asked for'),
      wanted: 'KILL',
      killAsked,
    }
  step.put('driver', driver.id, driver.record)
  step.tell(workerId!, { type: 'KillDriver', workerId: workerId!, driverId: driver.id, generation })
  return `it gets SIGTERM now, and SIGKILL in ${GRACE} if it still runs; it is on ${workerId}`
}

/**
 * Restarts need a process and a Worker that knows how to go on. Whoever asks for it again, asks for the same
 * one. It is in the record before it is acknowledged: a Worker that did not hear of it is told again after
 * its next full report, by whichever Master leads then.
 */
export function restartDriverOnRequest(
  cluster: ClusterState,
  step: Step,
  { driverId, request }: RequestRestartDriver,
  reply: ReplyToken,
): void {
  const driver = cluster.drivers.get(driverId)
  const ended = cluster.endedDrivers.get(driverId)
  const answer = (message: string) => step.reply(reply, { type: 'RestartDriverResponse', driverId, message })
  const refuse = (why: string) =>
    step.reply(reply, { type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message: `${driverId} ${why}` })
  if (ended) refuse(`has ended ${ended.state}; submit it again`)
  else if (!driver) step.reply(reply, unknownDriver(cluster, driverId))
  else if (!driver.record.description.supervise)
    refuse('is not supervised, so that it runs once; kill it and submit it again')
  else if (driver.queued) answer('it has no process; it starts as soon as a Worker has room for it')
  else if (driver.record.wanted === 'KILL') refuse('is being killed')
  else {
    const { workerId, generation, restart } = driver.record
    if (restart?.request !== request) {
      const record = driver.withEvent(step.now.wallMs, 'its restart was asked for')
      driver.record = { ...record, restart: { generation, request } }
      step.put('driver', driverId, driver.record)
    }
    tellRestartDriver(step, driver)
    answer(`it gets SIGTERM now, and SIGKILL in ${GRACE}; then it starts again on ${workerId}`)
  }
}

export function unknownId(id: string) {
  return {
    type: 'Failure',
    code: 'FIRESTEEL_UNKNOWN_ID',
    message: `Nothing here has the id ${JSON.stringify(id)}.`,
  } as const
}

/**
 * Its id names the epoch it was submitted under: between base and what was heard of, the store forgot it
 * (protocol 12).
 */
function unknownDriver({ leadership, hasLost }: ClusterState, id: string) {
  const { base, observed, epoch } = leadership
  const submittedUnder = Number(/^driver-\d+-(\d+)-\d+$/.exec(id)?.[1] ?? epoch)
  const isLost = hasLost && submittedUnder >= base.epoch && submittedUnder <= observed.epoch
  if (!isLost) return unknownId(id)
  return {
    type: 'Failure',
    code: 'FIRESTEEL_SUBMISSION_LOST',
    message: `the store lost its newest records, and ${id} with them; nobody runs it`,
  } as const
}

export const isKnownDriver = (cluster: ClusterState, id: string): boolean =>
  cluster.drivers.has(id) || cluster.endedDrivers.has(id)

export function driverStatus(
  cluster: ClusterState,
  step: Step,
  message: RequestDriverStatus,
  reply: ReplyToken,
): void {
  const { driverId } = message
  const driver = cluster.drivers.get(driverId)
  const ended = cluster.endedDrivers.get(driverId)
  if (driver) step.reply(reply, liveStatus(driver))
  else if (ended) step.reply(reply, endedStatus(ended))
  else step.reply(reply, unknownDriver(cluster, driverId))
}

const liveStatus = ({ id, record, message, shownState }: DriverEntry): DriverStatusResponse => ({
  type: 'DriverStatusResponse',
  driverId: id,
  name: record.description.name,
  state: shownState,
  generation: record.generation,
  supervise: record.description.supervise,
  worker: record.workerId,
  exitCode: null,
  signal: null,
  message,
})

const endedStatus = (ended: EndedDriver): DriverStatusResponse => ({
  type: 'DriverStatusResponse',
  driverId: ended.id,
  name: ended.description.name,
  state: ended.state,
  generation: ended.generation,
  supervise: ended.description.supervise,
  worker: ended.worker,
  exitCode: ended.exitCode,
  signal: ended.signal,
  message: ended.message,
})

/**
 * Reports of another generation than the accepted one, even FINISHED, are acknowledged and ignored (protocol
 * S3a).
 */
export function driverStateChanged(
  cluster: ClusterState,
  step: Step,
  from: Pick<PeerInfo, 'incarnation'>,
  message: DriverStateChanged,
): void {
  const { driverId, generation, state, change } = message
  const worker = cluster.workers.get(from.incarnation)
  const driver = cluster.drivers.get(driverId)
  const over = isEndedDriver(state)
  if (over) worker?.release(driverHolding(driverId, generation))
  if (over) cluster.dirty = true
  if (worker && message.stopped) worker.stopping = true
  if (over && !isKnownDriver(cluster, driverId) && mayComeBack(cluster, step.now)) {
    keepEnd(cluster, step, cluster.keptEnds, { from, report: message })
    return
  }
  const accepted = driver?.record.workerId === from.incarnation && driver.record.generation === generation
  const ends = driver && over && (accepted || isExpected(driver, from.incarnation, generation))
  const isForgotten = driver && over && !ends && mayBeForgotten(driver, generation)
  const isEarly = (ends || isForgotten) && mayRunLater(cluster, step.now, driver)
  const acknowledge = (told: number) =>
    step.tell(from.incarnation, {
      type: 'ChangesAcknowledged',
      workerId: from.incarnation,
      changes: [told],
    })
  if (isEarly && isForgotten) {
    // Of what the store forgot, the last that one Worker ran counts: it holds one end of that and not many.
    const held = cluster.heldEnds.newestOf(driverId, from.incarnation)
    if (held && held.report.generation > generation) {
      acknowledge(change)
      return
    }
    if (held && mayBeForgotten(driver, held.report.generation) && held.report.generation < generation) {
      cluster.heldEnds.drop(held)
      acknowledge(held.report.change)
    }
  }
  if (isEarly && keepEnd(cluster, step, cluster.heldEnds, { from, report: message })) {
    if (accepted)
      driver.message = 'it has ended, unless a worker that has not reported yet runs a later generation'
    return
  }
  if (ends) {
    generationEnded(cluster, step, driver, from.incarnation, message)
  } else if (isForgotten) {
    forgottenEnd(cluster, step, driver, from.incarnation, message)
  } else if (driver && accepted) {
    driver.message = message.message ?? ''
  } else if (!over && worker?.answered) {
    // Before its report it may be one that the store forgot, to be adopted.
    step.tell(from.incarnation, { type: 'KillDriver', workerId: from.incarnation, driverId, generation })
  }
  acknowledge(change)
}

/** Not acknowledged: if this leadership ends first, the next one must hear it. False: there are too many. */
function keepEnd(cluster: ClusterState, step: Step, among: KeptEnds, end: KeptEnd): boolean {
  const isKept = among.keep(end)
  step.startTimer({ kind: 'kept-ends' }, cachesGoneAtMs(cluster) - step.now.monotonicMs)
  return isKept
}

/** The cluster state holds this driver, or this generation of it, now: what its Workers have told before. */
export function meetKeptEnds(cluster: ClusterState, step: Step, driverId: string): void {
  for (const { from, report } of [...cluster.keptEnds.take(driverId), ...cluster.heldEnds.take(driverId)])
    driverStateChanged(cluster, step, from, report)
  const driver = cluster.drivers.get(driverId)
  if (driver) cluster.waiting.awake(driver)
}

/** All who may run a later generation have reported. A part in each turn, so that a step stays one commit. */
export function judgeHeldEnds(cluster: ClusterState, step: Step): void {
  if (cluster.heldEnds.size === 0 || mayHearOfLater(cluster, step.now)) return
  for (const driverId of cluster.heldEnds.drivers(innerLimits.endsPerPass)) {
    // Each may end an application, of which very many Workers are told.
    if (step.gated.length >= cluster.config.slices.endingEffects) {
      cluster.goOn()
      return
    }
    meetKeptEnds(cluster, step, driverId)
  }
}

/** Nobody has given their drivers back. */
export function dropKeptEnds(cluster: ClusterState, step: Step): void {
  // What is held beside them counts with the next pass.
  cluster.dirty = true
  for (const [workerId, changes] of cluster.keptEnds.takeAll())
    step.tell(workerId, { type: 'ChangesAcknowledged', workerId, changes })
}

/** Was it none of its own end (protocol 8, 9)? Then it waits for another launch. */
function placeAgain(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  report: DriverStateChanged,
): boolean {
  const { message = 'its worker did not keep it', stopped, drained, decided } = report
  const kind = endKindOf(report)
  if (kind === 'own') return false
  if ((kind === 'stopped' || kind === 'crashed') && !driver.record.description.supervise) return false
  const failure = driverFailureOf(cluster, step.now, driver, report)
  const isUnrecoverable = failure && driverFailed(cluster, step, driver, failure) === 'unrecoverable'
  // Its Worker says that it gave it no time to start: there it may start yet.
  if (isUnrecoverable && !stopped && !drained) return false
  const observed = decided !== undefined && isBelieved(decided, driver.foundGeneration) ? decided : 0
  driver.requeue(step, `placed again: ${message}`, observed)
  return true
}

/**
 * No generation starts before its number is durable: one above the cluster state is one that the store
 * forgot.
 */
const mayBeForgotten = ({ record, foundGeneration }: DriverEntry, generation: number): boolean =>
  generation > record.generation && isBelieved(generation, foundGeneration)

/** The store knows it, but not its Worker, which has come (protocol 12). */
const isExpected = ({ queued, expectedOn, record }: DriverEntry, workerId: string, generation: number) =>
  queued && expectedOn === workerId && record.generation === generation

function generationEnded(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  workerId: string,
  report: DriverStateChanged,
): void {
  if (driver.record.workerId !== workerId) driver.record = { ...driver.record, workerId }
  if (report.life) noteLife(driver, report.life)
  const isKilled = driver.record.wanted !== 'RUN'
  if (!isKilled && placeAgain(cluster, step, driver, report)) return
  const { message = '', exitCode, signal } = report
  // Where its program has not ended by itself, the kill that is wanted is its end.
  const state = isKilled && endKindOf(report) !== 'own' ? 'KILLED' : report.state
  const endCause = endCauseOf(report, isKilled)
  endDriver(cluster, step, driver, { state, endCause, message, exitCode, signal })
}

/**
 * What the store forgot has ended there. That is the driver's end, or its number is at least not given again
 * (protocol 12).
 */
function forgottenEnd(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  workerId: string,
  report: DriverStateChanged,
): void {
  const { generation, state, message = '', exitCode, signal } = report
  if (isForGood(report, driver.record.description.supervise)) {
    giveUp(cluster, step, driver)
    driver.record = { ...driver.record, generation, workerId }
    const endCause = endCauseOf(report, driver.record.wanted !== 'RUN')
    endDriver(cluster, step, driver, { state, endCause, message, exitCode, signal })
  } else if (driver.queued) {
    driver.requeue(step, driver.message, generation)
  }
}
