import { Hono } from 'hono'
import { addHealth, type NodeHealth } from '../../runtime/http/health.js'
import { JsonPage } from '../../runtime/http/json-page.js'
import { JsonRows } from '../../runtime/http/json-text.js'
import { requirementsJson, resourcesJson } from '../master/json.js'
import type { ApplicationSummary } from '../messages/common.js'
import type { WorkerExecutorStatus, WorkerStatus } from './status.js'

/* `/json/` of a Worker with Spark's keys and shapes (JsonProtocol). Like Spark's, it shows no drivers. */

const applicationJson = ({ name, maxCores, executor, user }: ApplicationSummary, command: string) => {
  const requirements = requirementsJson(executor.resources)
  return {
    name,
    /** 0: unlimited. */
    cores: maxCores ?? 0,
    memoryperexecutor: executor.memoryMib,
    resourcesperexecutor: requirements,
    memoryperslave: executor.memoryMib,
    resourcesperslave: requirements,
    user,
    command,
  }
}

const executorJson = (executor: WorkerExecutorStatus) => ({
  id: executor.execId,
  memory: executor.memoryMib,
  resources: resourcesJson(executor.resources),
  appid: executor.appId,
  appdesc: applicationJson(executor.application, executor.command),
})

/** The complete `/json/` of a Worker. */
export const workerStateJson = (state: WorkerStatus) => ({
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
export function workerRoutes(getState: () => WorkerStatus, health: () => NodeHealth): Hono {
  const routes = new Hono()
  const page = new JsonPage(() => Object.entries(workerStateJson(getState())))
  for (const path of ['/json', '/json/']) routes.get(path, () => page.answer())
  addHealth(routes, health)
  return routes
}
