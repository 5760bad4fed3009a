import { innerLimits } from '../../runtime/inner-limits.js'
import { hasEnded } from '../../runtime/transport/token.js'
import {
  type ApplicationState,
  type DriverState,
  summaryOfApplication,
  summaryOfDriver,
} from '../messages/common.js'
import {
  ENDED_WITH_APPLICATION,
  type EndCause,
  type ExecutorEnd,
  type KillAsked,
} from '../messages/explanation.js'
import { isOver } from './access.js'
import type { ApplicationEntry } from './application-entry.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { forgetFailuresOf } from './launch-timers.js'
import type { DriverRecord, EndedApplication, EndedDriver, KeyRecord, RecordTable } from './records.js'
import type { Step } from './step.js'
import { contentOf, type SubmittedContent } from './submitted-content.js'
import { executorHolding } from './worker-entry.js'

const MOST_ENDS = innerLimits.keptExecutorEnds

/* How applications and drivers leave the cluster state: one commit each, and what is retained of them. */

/** This request to end something, as it is kept. `by`: who asks, by its own word. */
export const askedBy = (
  { leadership }: ClusterState,
  { now }: Step,
  { host }: Pick<PeerInfo, 'host'>,
  by: string | undefined,
): KillAsked => ({ atMs: now.wallMs, epoch: leadership.epoch, host, ...(by !== undefined && { by }) })

/** Spark 4.9. A kill frees nothing: the Worker's report does (protocol 8). */
export function endApplication(
  cluster: ClusterState,
  step: Step,
  app: ApplicationEntry,
  state: ApplicationState,
  message: string,
  cause: { readonly endCause: EndCause; readonly killAsked?: KillAsked; readonly tokenEnded?: true },
): void {
  const { description, submittedAtMs, driver, owner } = app.record
  const ends = allEndsOf(app, step)
  endApplicationAs(cluster, step, {
    kind: 'app',
    id: app.id,
    ...(owner && { owner }),
    submittedAtMs,
    endedAtMs: step.now.wallMs,
    message,
    ...cause,
    ...(ends.length > 0 && { executorEnds: ends }),
    description: summaryOfApplication(description),
    state,
    driver: driver?.id ?? null,
  })
}

/**
 * How its executors ended, and those that end with it as far as there is room: those that ended before have
 * more to tell.
 */
function allEndsOf({ ends, executors }: ApplicationEntry, { now }: Step): ExecutorEnd[] {
  const living = [...executors.values()].slice(Math.max(0, ends.length + executors.size - MOST_ENDS))
  const endsNow = living.map(
    ({ execId, workerId, cores, launchedAtWallMs }): ExecutorEnd => ({
      atMs: now.wallMs,
      ...(launchedAtWallMs !== undefined && { launchedAtMs: launchedAtWallMs }),
      ...{ execId, workerId, cores, state: 'KILLED', text: ENDED_WITH_APPLICATION },
    }),
  )
  return [...ends, ...endsNow]
}

/** Also where its program took its stop signal and exited with 0: it did not end by itself. */
export const wasEndAsked = ({ state, killAsked }: Pick<EndedDriver, 'state' | 'killAsked'>): boolean =>
  state === 'KILLED' || killAsked !== undefined

/** What is left of its key. */
export const keyOfEnded = (
  record: SubmittedContent & Pick<DriverRecord, 'id'>,
  ended: Pick<EndedDriver, 'endedAtMs' | 'state' | 'killAsked'>,
): KeyRecord => ({
  ...{ driverId: record.id, ...contentOf(record), endedAtMs: ended.endedAtMs },
  ...(wasEndAsked(ended) && { endAsked: true }),
})

/** Ends it with this record, whether it is still live or not. */
export function endApplicationAs(cluster: ClusterState, step: Step, ended: EndedApplication): void {
  const app = cluster.apps.get(ended.id)
  if (app) removeApplication(cluster, step, app, ended)
  retain(cluster.endedApps, ended, step, cluster.config.retainedEnded)
}

function removeApplication(
  cluster: ClusterState,
  step: Step,
  app: ApplicationEntry,
  ended: EndedApplication,
): void {
  const { state, message } = ended
  cluster.apps.delete(app.id)
  cluster.appsByRegistration.delete(app.record.registration)
  const { endpoint } = app.record
  if (cluster.apps.ofEndpoint(endpoint).size === 0) step.cancelTimer({ kind: 'application', endpoint })
  forgetFailuresOf(cluster, step, app.id)
  if (app.executors.size > 0) cluster.leaving.set(app.id, app.executors)
  killLeaving(cluster, step)
  app.state = state
  step.delete('app', app.id)
  step.tell(app.record.endpoint, { type: 'ApplicationRemoved', appId: app.id, state, message })
  for (const worker of cluster.linkedWorkers()) {
    step.tell(worker.id, { type: 'ApplicationFinished', appId: app.id })
  }
  step.log('info', `application ended ${state}`, { appId: app.id, reason: message })
  cluster.dirty = true
}

/**
 * Tells Workers to end the executors of applications that have ended, so many that this step stays small. The
 * next passes tell the rest. A Worker that reports one meanwhile is told at once (protocol R4).
 */
export function killLeaving(cluster: ClusterState, step: Step): void {
  const { killsPerStep } = cluster.config.slices
  for (const [appId, executors] of cluster.leaving) {
    for (const [execId, { workerId }] of executors) {
      if (step.gated.length >= killsPerStep) {
        cluster.goOn()
        return
      }
      executors.delete(execId)
      if (!cluster.workers.get(workerId)?.holds(executorHolding(appId, execId))) continue
      step.tell(workerId, { type: 'KillExecutor', workerId, appId, execId })
    }
    cluster.leaving.delete(appId)
  }
}

export function endApplicationsOfDriver(
  cluster: ClusterState,
  step: Step,
  driverId: string,
  reason: string,
  endCause: EndCause,
): void {
  endApplications(cluster, step, cluster.apps.ofDriver(driverId), reason, endCause)
}

/**
 * Ends these as FINISHED, as many as one step may. What is left gets no more executors, and ends in the next
 * turns.
 */
export function endApplications(
  cluster: ClusterState,
  step: Step,
  apps: Iterable<ApplicationEntry>,
  reason: string,
  endCause: EndCause,
): void {
  let isFirst = true
  for (const app of [...apps]) {
    if (isFirst || mayEndMore(cluster, step)) {
      endApplication(cluster, step, app, 'FINISHED', reason, { endCause })
    } else {
      app.linked = false
      cluster.gone.add(app.record.endpoint)
      cluster.goOn()
    }
    isFirst = false
  }
}

/** Ends applications whose peer is gone, as many as one turn may: very many peers may go at once. */
export function endGone(cluster: ClusterState, step: Step): void {
  for (const endpoint of cluster.gone) {
    for (const app of [...cluster.apps.ofEndpoint(endpoint)]) {
      if (app.linked) continue
      if (!mayEndMore(cluster, step)) {
        cluster.goOn()
        return
      }
      const { registrant } = app.record
      const tokenEnded =
        registrant.role === 'client' &&
        (isOver(cluster, registrant) || hasEnded(registrant.subject ?? '', step.now.wallMs))
      endApplication(cluster, step, app, 'FINISHED', 'its driver is gone', {
        endCause: 'DRIVER_GONE',
        ...(tokenEnded && { tokenEnded: true }),
      })
    }
    cluster.gone.delete(endpoint)
  }
}

const mayEndMore = ({ config }: ClusterState, step: Step): boolean =>
  step.gated.length < config.slices.endingEffects

export interface DriverEnd {
  readonly state: DriverState
  readonly endCause: EndCause
  readonly message: string
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
}

export function endDriver(cluster: ClusterState, step: Step, driver: DriverEntry, end: DriverEnd): void {
  const { record, life } = driver
  if (record.replacement && record.wanted === 'RUN') {
    // Whatever this end is, its next content follows (protocol 9).
    driver.requeue(step, `ended ${end.state}, and its new content follows`)
    cluster.dirty = true
    return
  }
  const how = end.message === '' ? '' : `: ${end.message}`
  const { events = [] } = driver.withEvent(step.now.wallMs, `ended ${end.state}${how}`)
  endDriverAs(cluster, step, {
    kind: 'driver',
    id: driver.id,
    ...(record.owner && { owner: record.owner }),
    submittedAtMs: record.submittedAtMs,
    endedAtMs: step.now.wallMs,
    message: end.message,
    endCause: end.endCause,
    ...(record.killAsked && { killAsked: record.killAsked }),
    description: summaryOfDriver(record.description),
    state: end.state,
    generation: record.generation,
    worker: record.workerId,
    exitCode: end.exitCode ?? null,
    signal: end.signal ?? null,
    ...(record.homes && { homes: record.homes }),
    ...(life.starts > 0 && { life }),
    events,
  })
}

/** Ends it with this record, whether it is still live or not. */
export function endDriverAs(cluster: ClusterState, step: Step, ended: EndedDriver): void {
  const driver = cluster.drivers.get(ended.id)
  if (driver) removeDriver(cluster, step, driver, ended)
  retain(cluster.endedDrivers, ended, step, cluster.config.retainedEnded)
}

function removeDriver(cluster: ClusterState, step: Step, driver: DriverEntry, ended: EndedDriver): void {
  const { record } = driver
  cluster.removeDriver(driver)
  step.cancelTimer({ kind: 'relaunch', driverId: driver.id })
  forgetFailuresOf(cluster, step, driver.id)
  endApplicationsOfDriver(cluster, step, driver.id, `driver ended ${ended.state}`, 'DRIVER_ENDED')
  step.delete('driver', driver.id)
  const key = keyOfEnded(record, ended)
  cluster.keys.set(record.key, key)
  step.put('key', record.key, key)
  forgetOldKeys(cluster, step)
  step.log('info', `driver ended ${ended.state}`, { driverId: driver.id, reason: ended.message })
  cluster.dirty = true
}

function retain<E extends { id: string }>(ended: Map<string, E>, entry: E, step: Step, most: number): void {
  ended.set(entry.id, entry)
  step.put('ended', entry.id, entry)
  dropOldest(ended, step, 'ended', (_, index) => ended.size - index > most)
}

/** Kept 24 h or until 100,000 younger ended (protocol 15). A few at a time, so that a step stays small. */
function forgetOldKeys(cluster: ClusterState, step: Step): void {
  const { retainedKeys, keyRetentionMs } = cluster.config
  const oldest = step.now.wallMs - keyRetentionMs
  dropOldest(
    cluster.keys,
    step,
    'key',
    (key, index) => cluster.keys.size - index > retainedKeys || key.endedAtMs < oldest,
  )
}

const DROPPED_PER_STEP = innerLimits.droppedPerStep

function dropOldest<E>(
  map: Map<string, E>,
  step: Step,
  table: RecordTable,
  old: (entry: E, index: number) => boolean,
): void {
  const dropped: string[] = []
  for (const [id, entry] of map) {
    if (dropped.length >= DROPPED_PER_STEP || !old(entry, dropped.length)) break
    dropped.push(id)
  }
  for (const id of dropped) {
    map.delete(id)
    step.delete(table, id)
  }
}
