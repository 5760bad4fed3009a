import type { ClusterState } from '../../actors/master/cluster-state.js'
import type { ModelApp, ModelCluster, ModelDriver, ModelWorker } from './placement-model.js'

/** What the cluster state says, in the model's words. */
export function modelOf(cluster: ClusterState, nowMs: number): ModelCluster {
  const workers = [...cluster.workers.values()].map((entry): ModelWorker => {
    const { cores, memoryMib, resources } = entry.record
    const schedulable = entry.state === 'ALIVE' && entry.answered && entry.linked && !entry.drain
    const offers = { cores, memoryMib, resources }
    return { id: entry.id, schedulable, offers, holds: [...entry.holdings.values()] }
  })
  const drivers = [...cluster.drivers.values()].map((entry): ModelDriver => {
    const { cores, memoryMib, resources } = entry.record.description
    const waits = entry.record.workerId === null && entry.notBeforeMs <= nowMs
    return { id: entry.id, waits, cores, memoryMib, resources }
  })
  const apps = [...cluster.apps.values()].map((entry): ModelApp => {
    const { maxCores, executor, executorLimit } = entry.record.description
    return {
      id: entry.id,
      answers: entry.answered && entry.linked,
      maxCores,
      coresPerExecutor: executor.cores,
      memoryMib: executor.memoryMib,
      resources: executor.resources,
      limit: entry.target ?? executorLimit,
      has: [...entry.executors.values()].map(({ cores }) => cores),
    }
  })
  const { spreadOut, defaultCores } = cluster.config
  return { workers, drivers, apps, spreadOut, defaultCores, cursor: cluster.driverCursor }
}
