import { limits } from '../../runtime/limits.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { formatDuration } from '../../runtime/units.js'
import type { DriverDescription, Failure } from '../messages/common.js'
import type {
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
import { askedBy, endDriver } from './ending.js'
import { tellRestartDriver } from './launching.js'
import { type EndedDriver, neverLaunched, type StoredRecords } from './records.js'
import { tooMuchHeld } from './refusals.js'
import type { ReplyToken, Step } from './step.js'
import { contentOf, differenceOf } from './submitted-content.js'

/* Drivers: submission, kill, restart and status (protocol 9, 15). */

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
  const { key, description, program } = message
  const digest = driverDigest(description)
  const live = cluster.driversByKey.get(key)
  const ended = cluster.keys.get(key)
  const known = live
    ? { driverId: live.id, ...contentOf(live.record), state: live.shownState }
    : ended && {
        driverId: ended.driverId,
        ...contentOf(ended),
        state: cluster.endedDrivers.get(ended.driverId)?.state ?? ('FINISHED' as const),
      }
  const theirs = known && ownedBy(cluster, known.driverId)
  if (theirs && !owns(from, theirs)) {
    step.reply(reply, notYours(`has not submitted what the key ${JSON.stringify(key)} belongs to`))
    return
  }
  const difference = known && differenceOf(known, { digest, program })
  if (known && difference) {
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_KEY_REUSED',
      message: `the key ${JSON.stringify(key)} belongs to ${known.driverId}, whose ${difference} is another`,
    })
    return
  }
  if (known) {
    step.reply(reply, { type: 'SubmitDriverResponse', driverId: known.driverId, key, state: known.state })
    return
  }
  const driver = newDriver(cluster, step, from, { key, description, program }, trace)
  if ('type' in driver) step.reply(reply, driver)
  else step.reply(reply, { type: 'SubmitDriverResponse', driverId: driver.id, key, state: 'SUBMITTED' })
}

/** A driver of this key, or why there can be none. */
export function newDriver(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { key, description, program }: Pick<RequestSubmitDriver, 'key' | 'description' | 'program'>,
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
    ...contentOf({ digest: driverDigest(description), program }),
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

/** As its description says: what its process gets, for people. */
const stopText = ({ stopSignal = 'SIGTERM', stopGraceMs = limits.killGraceMs }: DriverDescription): string =>
  `it gets ${stopSignal} now, and SIGKILL in ${formatDuration(stopGraceMs)}`

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
  return `${stopText(driver.record.description)} if it still runs; it is on ${workerId}`
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
    answer(`${stopText(driver.record.description)}; then it starts again on ${workerId}`)
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
