import { limits } from '../../runtime/limits.js'
import { againText } from '../messages/launch-failure-text.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import { codeSources } from './code.js'
import type { DriverEntry } from './driver-entry.js'
import { endApplicationsOfDriver } from './ending.js'
import { failedWorkersOf } from './failed-launches.js'
import { takeAddresses } from './resources.js'
import type { Step } from './step.js'
import { driverHolding, executorHolding, type WorkerEntry } from './worker-entry.js'

/* Launches: they change the cluster state first; the command leaves when the commit is durable. */

/**
 * One commit: next generation, new Worker, and the end of the older generation's applications (protocol 9).
 */
export function launchDriver(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  worker: WorkerEntry,
): void {
  const { cores, memoryMib, resources: amounts } = driver.record.description
  const resources = takeAddresses(worker.resourcesFree, amounts)!
  const generation = driver.record.generation + 1
  const relaunched = `driver relaunched as generation ${generation}`
  endApplicationsOfDriver(cluster, step, driver.id, relaunched, 'DRIVER_RESTARTED')
  const { outlivesMs: _, ...record } = driver.withEvent(
    step.now.wallMs,
    `launched as generation ${generation} on ${worker.id}`,
  )
  driver.record = {
    ...record,
    state: 'RUNNING',
    generation,
    launchedUnder: cluster.leadership.epoch,
    workerId: worker.id,
    resources,
    homes: [...(driver.record.homes ?? []), worker.id].slice(-limits.driverHomes),
  }
  driver.message = againText(failedWorkersOf(cluster, driver.id, step.now))
  driver.launchedAtMs = step.now.monotonicMs
  step.put('driver', driver.id, driver.record)
  worker.hold(driverHolding(driver.id, generation), { cores, memoryMib, resources })
  tellLaunchDriver(cluster, step, driver)
}

export function tellLaunchDriver(cluster: ClusterState, step: Step, driver: DriverEntry): void {
  const { workerId, generation, resources, description, owner, life, trace } = driver.record
  const { code } = description
  step.tell(workerId!, {
    type: 'LaunchDriver',
    workerId: workerId!,
    driverId: driver.id,
    generation,
    resources,
    description,
    ...(owner && { owner }),
    ...(code && { codeFrom: codeSources(cluster, code.id) }),
    ...(life && { life }),
    ...(trace !== undefined && { trace }),
  })
}

/** Its Worker obeys each request once, however often it is told of it. */
export function tellRestartDriver(step: Step, driver: DriverEntry): void {
  const { workerId, generation, restart } = driver.record
  if (workerId === null || restart?.generation !== generation) return
  const { request } = restart
  step.tell(workerId, { type: 'RestartDriver', workerId, driverId: driver.id, generation, request })
}

/** It waits for no confirmation: the Worker's next full report repairs a lost launch (protocol R4). */
export function launchExecutor(
  cluster: ClusterState,
  step: Step,
  app: ApplicationEntry,
  worker: WorkerEntry,
  cores: number,
): ExecutorEntry {
  const { memoryMib, resources: amounts } = app.record.description.executor
  const executor: ExecutorEntry = {
    appId: app.id,
    execId: nextExecutorId(cluster, step, app),
    workerId: worker.id,
    cores,
    memoryMib,
    resources: takeAddresses(worker.resourcesFree, amounts)!,
    state: 'LAUNCHING',
    launchedAtMs: step.now.monotonicMs,
    launchedAtWallMs: step.now.wallMs,
  }
  app.take(executor)
  const holding = executorHolding(app.id, executor.execId)
  worker.hold(holding, executor)
  cluster.executorHomes.set(holding, worker.id)
  tellLaunchExecutor(step, app, executor)
  tellAdded(step, app, executor, worker)
  return executor
}

export function tellLaunchExecutor(step: Step, app: ApplicationEntry, executor: ExecutorEntry): void {
  const { workerId, execId, cores, memoryMib, resources } = executor
  step.tell(workerId, {
    type: 'LaunchExecutor',
    workerId,
    appId: app.id,
    execId,
    cores,
    memoryMib,
    resources,
    application: app.record.description,
    driver: app.record.address,
    registrant: app.record.registrant,
    ...(app.record.trace !== undefined && { trace: app.record.trace }),
  })
}

export function tellAdded(
  step: Step,
  app: ApplicationEntry,
  executor: ExecutorEntry,
  worker: WorkerEntry,
): void {
  const { execId, cores, memoryMib } = executor
  step.tell(app.record.endpoint, {
    type: 'ExecutorAdded',
    appId: app.id,
    execId,
    workerId: worker.id,
    host: worker.record.host,
    cores,
    memoryMib,
  })
}

/**
 * Ids are never used again, because the bound of a block is durable before its first id is used (protocol
 * 10).
 */
function nextExecutorId(cluster: ClusterState, step: Step, app: ApplicationEntry): number {
  const execId = app.nextExecId++
  if (execId >= app.record.execIds) {
    app.record = { ...app.record, execIds: execId + cluster.config.executorIdBlock }
    step.put('app', app.id, app.record)
  }
  return execId
}
