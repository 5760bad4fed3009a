import { Hono } from 'hono'
import { addHealth, type NodeHealth } from '../../runtime/http/health.js'
import { requirementsJson, resourcesJson } from '../master/json.js'
import type { ApplicationDescription } from '../messages/common.js'
import type { WorkerStateResponse } from '../messages/status.js'

/* `/json/` of a Worker with Spark's keys and shapes (JsonProtocol): no drivers. */

export const applicationDescriptionJson = (description: ApplicationDescription) => {
  const requirements = requirementsJson(description.executor.resources)
  return {
    name: description.name,
    /** 0: unlimited. */
    cores: description.maxCores ?? 0,
    memoryperexecutor: description.executor.memoryMib,
    resourcesperexecutor: requirements,
    memoryperslave: description.executor.memoryMib,
    resourcesperslave: requirements,
    user: description.user,
    command: `node ${['firesteel-executor', ...description.nodeOptions].join(' ')}`,
  }
}

type Executor = WorkerStateResponse['executors'][number]

export const executorJson = (executor: Executor) => ({
  id: executor.execId,
  memory: executor.memoryMib,
  resources: resourcesJson(executor.resources),
  appid: executor.appId,
  appdesc: applicationDescriptionJson(executor.application),
})

/** The whole of a Worker's `/json/`. */
export const workerStateJson = (state: WorkerStateResponse) => ({
  id: state.id,
  masterurl: state.masterUrl,
  masterwebuiurl: state.masterWebUrl ?? '',
  cores: state.cores,
  coresused: state.coresUsed,
  memory: state.memoryMib,
  memoryused: state.memoryMibUsed,
  resources: resourcesJson(state.resources),
  resourcesused: resourcesJson(state.resourcesUsed),
  executors: state.executors.map(executorJson),
  finishedexecutors: state.finishedExecutors.map(executorJson),
})

/** All that a Worker answers over HTTP. `getState` is read for each request. */
export function workerRoutes(getState: () => WorkerStateResponse, health: () => NodeHealth): Hono {
  const routes = new Hono()
  for (const path of ['/json', '/json/']) {
    routes.get(path, (context) => context.json(workerStateJson(getState())))
  }
  addHealth(routes, health)
  return routes
}
