import { Hono } from 'hono'
import { addHealth, type NodeHealth } from '../../runtime/http/health.js'
import { JsonPage } from '../../runtime/http/json-page.js'
import { JsonRows } from '../../runtime/http/json-text.js'
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
  executors: new JsonRows(state.executors, executorJson),
  finishedexecutors: new JsonRows(state.finishedExecutors, executorJson),
})

/** All that a Worker answers over HTTP. */
export function workerRoutes(getState: () => WorkerStateResponse, health: () => NodeHealth): Hono {
  const routes = new Hono()
  const page = new JsonPage(() => Object.entries(workerStateJson(getState())))
  for (const path of ['/json', '/json/']) routes.get(path, () => page.answer())
  addHealth(routes, health)
  return routes
}
