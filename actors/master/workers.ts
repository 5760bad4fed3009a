import { formatHostPort } from '../../runtime/addresses.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { oversizeOf } from '../messages/record-size.js'
import type { Heartbeat, RegisterWorker } from '../messages/workers.js'
import { joinOf } from './access.js'
import { takeAwaited } from './application-executors.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { spreadCode } from './code.js'
import { endDrainOf, endDrainOfFormer, forgetOldDrains, meetDrain } from './drains.js'
import type { DriverEntry } from './driver-entry.js'
import { endDriver } from './ending.js'
import { forgetFailuresOn } from './launch-timers.js'
import { tooMuchHeld } from './refusals.js'
import type { Step } from './step.js'
import { WorkerEntry } from './worker-entry.js'
import { credentialRefusal, nameOfJoin, tokenInUse } from './worker-peer.js'
import { calledOff, noteRestart, restartLeftMs, returned } from './worker-restart.js'
import { coresRefusal } from './worker-room.js'
import { acknowledge, learnTimes, outlivesMs, timeoutOf } from './worker-timeout.js'

/* Workers in the cluster state: registration, liveness, loss (Spark 1.3, 2.2, 3.5; protocol 9). */

/**
 * Registers a Worker. The same incarnation again is answered `duplicate`. A new incarnation at the address of
 * an entry replaces it in any state, where Spark refuses: only one process can hold the port, so the old one
 * is gone.
 */
export function registerWorker(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RegisterWorker,
): void {
  const refusal = refuseWorker(cluster, from, message)
  if (refusal) {
    step.log('warn', `worker refused: ${refusal}`, { workerId: message.id })
    step.tell(from.incarnation, { type: 'RegisterWorkerFailed', workerId: message.id, message: refusal })
    return
  }
  const known = cluster.workers.get(message.id)
  if (known && known.state !== 'DEAD') {
    known.linked = true
    beat(known, step)
    returned(cluster, step, known, message)
    learnTimes(cluster, step, known, message)
    step.tell(message.id, { type: 'RegisteredWorker', workerId: message.id, duplicate: true })
    return
  }
  const worker = new WorkerEntry(
    WorkerEntry.recordOf(message, joinOf(from)),
    'ALIVE',
    step.now.monotonicMs,
    step.now.wallMs,
  )
  endDrainOfFormer(cluster, step, worker)
  meetDrain(cluster, worker)
  const former = cluster.workersByAddress.get(worker.address)
  if (former && former.state !== 'DEAD') {
    removeWorker(cluster, step, former, 'a new Worker process holds its address', 'gone')
    worker.replaced = [former.id, ...former.replaced].slice(0, REMEMBERED_REPLACED)
  }
  if (former) cluster.workers.delete(former.id)
  // It is back from the dead, perhaps at another address.
  if (known) forgetAddress(cluster, known)
  worker.linked = true
  cluster.workers.set(worker.id, worker)
  cluster.workersByAddress.set(worker.address, worker)
  takeAwaited(cluster, step, worker)
  step.put('worker', worker.id, worker.record)
  learnTimes(cluster, step, worker, message, true)
  step.tell(worker.id, { type: 'RegisteredWorker', workerId: worker.id, duplicate: false })
  step.log('info', 'worker registered', {
    workerId: worker.id,
    cores: message.cores,
    memoryMib: message.memoryMib,
  })
}

const REMEMBERED_REPLACED = innerLimits.rememberedReplaced

/**
 * A Worker needs an address of its own. Its address distinguishes it, and a Master dials it to see whether it
 * lives. A Worker that was replaced and returns shares its address with a living one. If both were admitted
 * in turn, they would kill each other's work for ever.
 */
function refuseWorker(cluster: ClusterState, from: PeerInfo, message: RegisterWorker): string | undefined {
  const { id, port, resources } = message
  const address = formatHostPort(message)
  if (id !== from.incarnation) return `the id ${id} is not the incarnation of this link, ${from.incarnation}`
  const credential = credentialRefusal(cluster, from)
  if (credential) return credential
  const join = joinOf(from)
  const allowed = nameOfJoin(cluster, from)
  // A store that lost writes may have forgotten whose token this is, and it asks again.
  if (join !== undefined && allowed === undefined && !cluster.workers.has(id))
    return `it is not known yet whose token ${join} is`
  if (allowed !== undefined && message.name !== allowed)
    return `its token is that of the Worker ${allowed}, and its name is ${message.name}`
  const inUse = tokenInUse(cluster, from, address)
  if (inUse) return inUse
  if (port === 0) return `${address} is no address to reach a Worker at`
  const tooMany = coresRefusal(cluster, message)
  if (tooMany) return tooMany
  const oversize = oversizeOf(message)
  if (oversize) return `${oversize.field} ${oversize.rule}`
  const addresses = Object.values(resources).reduce((sum, list) => sum + list.length, 0)
  if (addresses > limits.resourceAddressesInAll)
    return `resources has ${addresses} addresses; a Worker may offer ${limits.resourceAddressesInAll}`
  if (cluster.isFull && !cluster.workers.has(id)) return tooMuchHeld.message
  const holder = cluster.workersByAddress.get(address)
  if (!holder || holder.state === 'DEAD') return undefined
  // Who has the cluster's secret is believed that the process before it is gone.
  if (join !== undefined && holder.record.join !== join)
    return `${address} is the address of ${holder.id}, which has another credential`
  if (!holder.replaced.includes(id)) return undefined
  return `${holder.address} is also the address of ${holder.id}, which came later: each Worker needs its own`
}

const beat = (worker: WorkerEntry, step: Step): void => {
  worker.lastHeartbeatMs = step.now.monotonicMs
  worker.lastHeartbeatWallMs = step.now.wallMs
}

export function heartbeat(cluster: ClusterState, step: Step, from: PeerInfo, message: Heartbeat): void {
  const worker = cluster.workers.get(from.incarnation)
  if (!worker || worker.state === 'DEAD' || message.workerId !== from.incarnation) {
    step.tellNow(from.incarnation, { type: 'ReconnectWorker', workerId: from.incarnation })
    return
  }
  beat(worker, step)
  learnTimes(cluster, step, worker, message)
  if (message.restartMs !== undefined) {
    noteRestart(cluster, step, worker, message.restartMs, message.sentAtMs)
    return
  }
  if (worker.isRestarting) {
    calledOff(step, worker)
    cluster.dirty = true
  }
  acknowledge(cluster, step, worker.id, message)
}

/**
 * How certain it is that the processes of a lost Worker are gone. It decides when its drivers may run again.
 */
export type Certainty = 'gone' | 'silent'

/**
 * Spark 2.2, DEAD. The Worker's executors are LOST. Its drivers relaunch if they are supervised, else they
 * end in ERROR.
 */
export function removeWorker(
  cluster: ClusterState,
  step: Step,
  worker: WorkerEntry,
  reason: string,
  certainty: Certainty,
): void {
  const goneMs = outlivesMs(cluster, worker)
  worker.die()
  worker.diedAtMs = step.now.monotonicMs
  worker.diedOf = certainty === 'silent' ? 'silence' : undefined
  worker.diedAtWallMs = step.now.wallMs
  worker.lostBecause = reason
  step.delete('worker', worker.id)
  step.log('warn', `worker lost: ${reason}`, { workerId: worker.id })
  // Only what it held is visited, not all, because many Workers may be lost in one turn.
  const held: DriverEntry[] = []
  for (const key of worker.holdings.keys()) {
    const { app, executor, driver } = cluster.ownerOf(worker.id, key)
    if (app && executor) app.lose(step, executor.execId, `worker lost: ${reason}`, worker.record.host)
    else if (driver) held.push(driver)
    else cluster.forgetOrphan(step, worker.id, key)
  }
  worker.releaseAll()
  for (const app of cluster.apps.values()) {
    step.tell(app.record.endpoint, {
      type: 'WorkerRemoved',
      id: worker.id,
      host: worker.record.host,
      message: reason,
    })
  }
  cluster.codeHolders.leave(worker)
  forgetOldestDead(cluster)
  forgetFailuresOn(cluster, step, worker.id)
  endDrainOf(cluster, step, worker)
  // Its silence has already lasted W, which is longer than a cut-off Worker lets its drivers live (protocol
  // 9).
  const waitMs = certainty === 'gone' ? goneMs : 0
  loseDrivers(cluster, step, held, reason, waitMs)
  spreadCode(cluster, step)
  cluster.dirty = true
}

function loseDrivers(
  cluster: ClusterState,
  step: Step,
  drivers: readonly DriverEntry[],
  reason: string,
  waitMs: number,
): void {
  for (const driver of drivers) {
    if (driver.record.wanted === 'KILL') {
      const message = `killed; its worker was lost: ${reason}`
      endDriver(cluster, step, driver, { state: 'KILLED', endCause: 'KILL_ASKED', message })
    } else if (driver.record.description.supervise || driver.record.replacement) {
      const { outlivesMs: _, ...record } = driver.withEvent(step.now.wallMs, `worker lost: ${reason}`)
      // The next leader may have a shorter orphanGrace.
      const outlives = waitMs > cluster.config.guardMarginMs && { outlivesMs: waitMs }
      driver.record = { ...record, state: 'RELAUNCHING', workerId: null, ...outlives }
      driver.notBeforeMs = step.now.monotonicMs + waitMs
      driver.message = `relaunches: worker lost: ${reason}`
      step.put('driver', driver.id, driver.record)
      step.startTimer({ kind: 'relaunch', driverId: driver.id }, waitMs)
    } else {
      const message = `worker lost: ${reason}`
      endDriver(cluster, step, driver, { state: 'ERROR', endCause: 'WORKER_LOST', message })
    }
  }
}

function forgetAddress({ workersByAddress }: ClusterState, worker: WorkerEntry): void {
  if (workersByAddress.get(worker.address) === worker) workersByAddress.delete(worker.address)
}

function forgetDead(cluster: ClusterState, worker: WorkerEntry): void {
  cluster.workers.delete(worker.id)
  forgetAddress(cluster, worker)
}

/** Any number may register and die within the time for which they are shown. */
function forgetOldestDead(cluster: ClusterState): void {
  const dead = [...cluster.workers.values()].filter(({ state }) => state === 'DEAD')
  if (dead.length <= innerLimits.deadWorkers) return
  forgetDead(
    cluster,
    dead.reduce((a, b) => ((b.diedAtMs ?? 0) < (a.diedAtMs ?? 0) ? b : a)),
  )
}

const DEAD_SHOWN_TIMEOUTS = innerLimits.deadShownTimeouts

/**
 * Looks for silent Workers. The core calls it only if its own process was not delayed (protocol R7). Many may
 * fall silent at once, so one sweep removes a bounded number. True: the next sweep is to follow at once.
 */
export function checkWorkers(cluster: ClusterState, step: Step): boolean {
  forgetOldDrains(cluster, step)
  let removed = 0
  for (const worker of [...cluster.workers.values()]) {
    if (worker.state === 'DEAD') {
      const deadMs = step.now.monotonicMs - (worker.diedAtMs ?? 0)
      if (deadMs >= DEAD_SHOWN_TIMEOUTS * cluster.config.workerTimeoutMs) forgetDead(cluster, worker)
      continue
    }
    const silentMs = cluster.silentMs(worker, step.now)
    if (silentMs < timeoutOf(cluster, worker)) continue
    if (removed >= cluster.config.slices.removedPerSweep) return true
    // Each of its holdings is looked at, and each application is told of it.
    removed += worker.holdings.size + cluster.apps.size
    removeWorker(cluster, step, worker, `no heartbeat for ${Math.round(silentMs / 1000)} s`, 'silent')
  }
  // A link may have closed under a former leader, or no dial reached the Worker. Nothing else would check it
  // again.
  for (const worker of cluster.workers.values())
    if (worker.state !== 'DEAD' && !worker.linked) suspect(cluster, step, worker)
  return false
}

const PROBES = innerLimits.workerProbes
const PROBE_EVERY_MS = innerLimits.workerProbeEveryMs

/**
 * A closed link is no death (protocol R7). The Master dials the Worker; three refusals within a second prove
 * its death.
 */
export function workerUnlinked(cluster: ClusterState, step: Step, workerId: string): void {
  const worker = cluster.workers.get(workerId)
  if (!worker || worker.state === 'DEAD') return
  worker.linked = false
  worker.reporting = undefined
  worker.isOverfull = false
  suspect(cluster, step, worker)
}

function suspect(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  if (!cluster.config.relaunchOnRefused) return
  // While it restarts, nobody listens at its port.
  const leftMs = restartLeftMs(cluster, step, worker)
  if (leftMs > 0) step.startTimer({ kind: 'probe', workerId: worker.id, number: 1 }, leftMs)
  else probeSoon(step, worker.id, 1)
}

function probeSoon(step: Step, workerId: string, number: number): void {
  step.startTimer({ kind: 'probe', workerId, number }, number === 1 ? 0 : PROBE_EVERY_MS)
}

export function probe(cluster: ClusterState, step: Step, workerId: string, number: number): void {
  const worker = cluster.workers.get(workerId)
  if (!worker || worker.linked || worker.state === 'DEAD') return
  worker.probes = number
  step.probe(worker.id, worker.record.host, worker.record.port)
}

export function probed(cluster: ClusterState, step: Step, workerId: string, refused: boolean): void {
  const worker = cluster.workers.get(workerId)
  if (!worker || worker.linked || worker.state === 'DEAD') return
  // Some process answers at its port: the Worker itself, or a successor that will register and replace it.
  if (!refused) return
  // It was asked before the Worker said that it restarts.
  if (restartLeftMs(cluster, step, worker) > 0) return
  if (worker.probes < PROBES) probeSoon(step, worker.id, worker.probes + 1)
  else removeWorker(cluster, step, worker, 'its process is gone: connections to its port are refused', 'gone')
}
