import { groupedBy } from '../../runtime/grouped-by.js'
import { limits } from '../../runtime/limits.js'
import type { DecommissionWorkers, RecommissionWorkers, WorkerDecommissioning } from '../messages/drains.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { driversMove, forgetMovesFrom, tellMove } from './drain-moves.js'
import { isNewer } from './lost-writes/newer.js'
import type { DrainRecord } from './records.js'
import type { ReplyToken, Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'
import { workersMeant } from './workers-meant.js'

/*
 * Drained Workers (protocol 8.7). The record is by name and host, and holds until it is taken back. A Worker
 * that asked for its drain itself, because it is being stopped, is drained until that incarnation is gone.
 */

type NameAndHost = Pick<DrainRecord, 'name' | 'host'>

export const drainIdOf = ({ name, host }: NameAndHost): string => `${name}@${host}`.slice(0, limits.nameChars)

/** What the cluster state says of a Worker's drain; undefined: it is not drained. */
export const drainOf = (cluster: ClusterState, worker: NameAndHost): DrainRecord | undefined =>
  cluster.drains.size === 0 ? undefined : cluster.drains.get(drainIdOf(worker))

/** A Worker came into the cluster state: is it drained? Call it before it is given anything. */
export function meetDrain(cluster: ClusterState, worker: WorkerEntry): void {
  worker.drain = drainOf(cluster, worker.record)
}

/** Of drains: the entries of each, those of dead Workers too. */
type EntriesOf = (drainId: string) => readonly WorkerEntry[]

/** The Workers are gone through once, however many drains one request begins or ends. */
function entriesOfAll({ workers }: ClusterState): EntriesOf {
  const entries = groupedBy(workers.values(), ({ record }) => [drainIdOf(record)])
  return (id) => entries.get(id) ?? []
}

const workersOf = (entriesOf: EntriesOf, id: string): WorkerEntry[] =>
  entriesOf(id).filter(({ state }) => state !== 'DEAD')

/** Every entry says what `drains` says, that of a dead Worker too: a saved state has it only there. */
function markEntries(entriesOf: EntriesOf, id: string, drain: DrainRecord | undefined): void {
  for (const worker of entriesOf(id)) worker.drain = drain
}

const overdue = (record: DrainRecord, { now }: Step): boolean => leftMs(record, now.wallMs) === 0

/** Clocks of Masters differ: no drain lasts longer than it was given. */
const leftMs = ({ deadlineAtMs, deadlineMs }: DrainRecord, wallMs: number): number =>
  Math.min(deadlineMs, Math.max(0, deadlineAtMs - wallMs))

interface Wanted {
  readonly deadlineMs: number
  readonly reason?: string | undefined
  readonly by?: string | undefined
  readonly incarnation?: string | undefined
}

function begin(
  cluster: ClusterState,
  step: Step,
  of: NameAndHost,
  wanted: Wanted,
  entriesOf: EntriesOf,
): DrainRecord {
  const id = drainIdOf(of)
  const known = cluster.drains.get(id)
  const { deadlineMs, reason, by, incarnation } = wanted
  // One for a stop ends with its process, unless people ask for it too.
  const { incarnation: _, ...former } = known ?? {}
  const record: DrainRecord = {
    askedAtMs: step.now.wallMs,
    ...former,
    id,
    name: of.name,
    host: of.host,
    deadlineMs,
    deadlineAtMs: step.now.wallMs + deadlineMs,
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
    ...(incarnation !== undefined && { incarnation }),
  }
  hold(cluster, step, record, entriesOf)
  step.put('drain', id, record)
  step.log('info', 'a worker is drained', { worker: id, deadlineMs, reason: record.reason, by: record.by })
  return record
}

/** The cluster state has it from now on. */
function hold(
  cluster: ClusterState,
  step: Step,
  record: DrainRecord,
  entriesOf: EntriesOf = entriesOfAll(cluster),
): void {
  cluster.drains.set(record.id, record)
  step.startTimer({ kind: 'drain', drainId: record.id }, leftMs(record, step.now.wallMs))
  cluster.dirty = true
  markEntries(entriesOf, record.id, record)
  for (const worker of workersOf(entriesOf, record.id)) tellDrained(cluster, step, worker)
}

/** All that must know of the drain of this Worker are told, again where they may know of it already. */
export function tellDrained(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  const { drain } = worker
  if (!drain) return
  tellWorker(step, worker)
  for (const [app, executor] of cluster.executorsOn(worker)) tellLeaving(step, app, executor, worker)
  if (overdue(drain, step)) endRest(cluster, step, worker)
  else driversMove(cluster, step, worker)
}

function tellWorker(step: Step, { id, linked, drain }: WorkerEntry): void {
  if (!linked) return
  const { reason } = drain ?? {}
  step.tell(id, {
    type: 'DecommissionWorker',
    workerId: id,
    isDrained: drain !== undefined,
    ...(reason !== undefined && { reason }),
  })
}

export const drainedText = ({ reason }: DrainRecord): string =>
  `its Worker is drained${reason === undefined || reason === '' ? '' : `: ${reason}`}`

/** The application sends this executor nothing new, and lets it end when it has nothing left. */
export function tellLeaving(
  step: Step,
  app: ApplicationEntry,
  { execId }: ExecutorEntry,
  { drain, record }: WorkerEntry,
): void {
  if (!drain) return
  step.tell(app.record.endpoint, {
    type: 'ExecutorUpdated',
    appId: app.id,
    execId,
    state: 'DECOMMISSIONED',
    message: drainedText(drain),
    workerHost: record.host,
  })
}

/** An application answered this leadership: which of its executors are on drained Workers? */
export function tellLeavingOf(cluster: ClusterState, step: Step, app: ApplicationEntry): void {
  if (cluster.drains.size === 0) return
  for (const executor of app.executors.values()) {
    const worker = cluster.workers.get(executor.workerId)
    if (worker) tellLeaving(step, app, executor, worker)
  }
}

/** The time is over: what is left on this Worker moves, or ends. */
function endRest(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  const { drain } = worker
  if (!drain || !worker.answered) return
  const message = `${drainedText(drain)}; its deadline has passed`
  for (const key of [...worker.holdings.keys()]) {
    const { app, executor, driver } = cluster.ownerOf(worker.id, key)
    if (app && executor) {
      app.lose(step, executor.execId, message, worker.record.host)
      step.tell(worker.id, {
        type: 'KillExecutor',
        workerId: worker.id,
        appId: app.id,
        execId: executor.execId,
      })
    } else if (driver && driver.record.wanted === 'RUN') tellMove(step, driver)
  }
  cluster.dirty = true
}

export function drainDue(cluster: ClusterState, step: Step, drainId: string): void {
  const record = cluster.drains.get(drainId)
  if (!record) return
  const ms = leftMs(record, step.now.wallMs)
  // The wall clock was set back, or the timer fired early.
  if (ms > 0) {
    step.startTimer({ kind: 'drain', drainId }, ms)
    return
  }
  for (const worker of workersOf(entriesOfAll(cluster), drainId)) {
    step.log('info', 'the deadline of a drain has passed', { workerId: worker.id })
    endRest(cluster, step, worker)
  }
}

/** What is read from the store at an election, before the Workers are. */
export function restoreDrain(cluster: ClusterState, step: Step, record: DrainRecord): void {
  hold(cluster, step, record)
}

/** Lost writes: the newer record counts. */
export function takeBackDrain(cluster: ClusterState, step: Step, record: DrainRecord): boolean {
  const held = cluster.drains.get(record.id)
  if (held && !isNewer(record, held)) return false
  hold(cluster, step, record)
  step.put('drain', record.id, record)
  return true
}

function forget(
  cluster: ClusterState,
  step: Step,
  record: DrainRecord,
  why: string,
  entriesOf: EntriesOf = entriesOfAll(cluster),
): void {
  cluster.drains.delete(record.id)
  step.cancelTimer({ kind: 'drain', drainId: record.id })
  step.delete('drain', record.id)
  step.log('info', `a worker is not drained any more: ${why}`, { worker: record.id })
  cluster.dirty = true
  markEntries(entriesOf, record.id, undefined)
  for (const worker of workersOf(entriesOf, record.id)) {
    forgetMovesFrom(cluster, worker.id)
    tellWorker(step, worker)
    for (const [app, { execId, state }] of cluster.executorsOn(worker))
      step.tell(app.record.endpoint, { type: 'ExecutorUpdated', appId: app.id, execId, state })
  }
}

/** A new process of this Worker came: a drain for the stop of another one is over. */
export function endDrainOfFormer(cluster: ClusterState, step: Step, { id, record }: WorkerEntry): void {
  const drain = drainOf(cluster, record)
  if (drain?.incarnation !== undefined && drain.incarnation !== id)
    forget(cluster, step, drain, 'another process of it has come')
}

/** This process is gone, and a drain for its stop with it. */
export function endDrainOf(cluster: ClusterState, step: Step, { id, record }: WorkerEntry): void {
  const drain = drainOf(cluster, record)
  if (drain?.incarnation === id) forget(cluster, step, drain, 'its process is gone')
}

/** Drains of Workers that nobody has seen for long. */
export function forgetOldDrains(cluster: ClusterState, step: Step): void {
  const old = [...cluster.drains.values()].filter(
    ({ deadlineAtMs }) => step.now.wallMs - deadlineAtMs > limits.drainKeepMs,
  )
  if (old.length === 0) return
  const entriesOf = entriesOfAll(cluster)
  for (const record of old)
    if (workersOf(entriesOf, record.id).length === 0)
      forget(cluster, step, record, 'no such worker has come for long', entriesOf)
}

export function decommissionWorkers(
  cluster: ClusterState,
  step: Step,
  message: DecommissionWorkers,
  reply: ReplyToken,
): void {
  const { meant, problem } = workersMeant(cluster, message.workers)
  if (problem) {
    step.reply(reply, problem)
    return
  }
  const { deadlineMs = limits.drainDeadlineMs, reason, by } = message
  const entriesOf = entriesOfAll(cluster)
  const workers = meant.map(({ of, worker }) => {
    const { deadlineAtMs } = begin(cluster, step, of, { deadlineMs, reason, by }, entriesOf)
    return { id: worker?.id ?? drainIdOf(of), name: of.name, deadlineAtMs, ...leftOn(cluster, worker) }
  })
  step.reply(reply, { type: 'DecommissionWorkersResponse', workers })
}

/** What is on a Worker. */
export function leftOn(cluster: ClusterState, worker: WorkerEntry | undefined) {
  let executors = 0
  let drivers = 0
  for (const key of worker?.holdings.keys() ?? []) {
    const { executor, driver } = cluster.ownerOf(worker!.id, key)
    if (driver || (!executor && key.startsWith('driver-'))) drivers++
    else executors++
  }
  return { executors, drivers }
}

export function recommissionWorkers(
  cluster: ClusterState,
  step: Step,
  message: RecommissionWorkers,
  reply: ReplyToken,
): void {
  const { meant, problem } = workersMeant(cluster, message.workers)
  if (problem) {
    step.reply(reply, problem)
    return
  }
  const entriesOf = entriesOfAll(cluster)
  const workers = meant.map(({ of: { name, host } }) => {
    const drain = drainOf(cluster, { name, host })
    if (drain) forget(cluster, step, drain, 'that was asked for', entriesOf)
    return { name, host, wasDrained: drain !== undefined }
  })
  step.reply(reply, { type: 'RecommissionWorkersResponse', workers })
}

/** A Worker that is being stopped asks for its own drain. It repeats this on each link. */
export function workerDecommissioning(
  cluster: ClusterState,
  step: Step,
  { incarnation }: PeerInfo,
  { deadlineMs, reason }: WorkerDecommissioning,
): void {
  const worker = cluster.workers.get(incarnation)
  if (!worker || worker.state === 'DEAD') return
  const { drain } = worker
  if (drain && leftMs(drain, step.now.wallMs) <= deadlineMs) tellWorker(step, worker)
  // One that was asked for by people holds for later processes too.
  else {
    const wanted = { deadlineMs, reason, incarnation: drain ? drain.incarnation : incarnation }
    begin(cluster, step, worker.record, wanted, entriesOfAll(cluster))
  }
}
