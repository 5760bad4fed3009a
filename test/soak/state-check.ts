import type { MasterStateResponse } from '../../actors/messages/status.js'
import { probe } from '../harness/probe.js'

/** What a Worker reports to have given out. */
export interface WorkerReport {
  readonly id: string
  readonly cores: number
  readonly coresused: number
  readonly memory: number
  readonly memoryused: number
}

/** Reads it from the Worker's HTTP interface. From another host that needs a session. */
export async function reportOf(web: string, cookie: string, ca?: string): Promise<WorkerReport> {
  return JSON.parse((await probe(`${web}/json/`, 1000, { cookie }, ca)).body) as WorkerReport
}

/**
 * Compares the leader's cluster state with the Workers (protocol S4). For each ALIVE Worker three sums must
 * be equal and no more than it has: what it reports itself, what the leader has recorded, and what the leader
 * says runs there.
 */
export function compareState(clusterState: MasterStateResponse, reports: readonly WorkerReport[]): string[] {
  const wrong: string[] = []
  const alive = clusterState.workers.filter(({ state }) => state === 'ALIVE')
  const names = (ids: readonly string[]): string => ids.toSorted().join(', ')
  const [known, own] = [names(alive.map(({ id }) => id)), names(reports.map(({ id }) => id))]
  if (known !== own) wrong.push(`the leader knows the Workers ${known}; there are ${own}`)
  for (const worker of alive) {
    const report = reports.find(({ id }) => id === worker.id)
    if (!report) continue
    const sum = sumOf(clusterState, worker.id)
    const said = `${report.coresused}/${report.memoryused}`
    const written = `${worker.coresUsed}/${worker.memoryMibUsed}`
    const summed = `${sum.cores}/${sum.memoryMib}`
    if (said !== written || written !== summed) {
      wrong.push(
        `${worker.id} uses ${said} (cores/MiB), the leader has ${written}, its drivers and executors ${summed}`,
      )
    }
    wrong.push(...overcommitted(report))
  }
  return wrong
}

export function overcommitted({ id, cores, coresused, memory, memoryused }: WorkerReport): string[] {
  const isRight = coresused >= 0 && coresused <= cores && memoryused >= 0 && memoryused <= memory
  return isRight ? [] : [`${id} gave away ${coresused} of ${cores} cores, ${memoryused} of ${memory} MiB`]
}

function sumOf({ activeDrivers, activeApps }: MasterStateResponse, workerId: string) {
  const sum = { cores: 0, memoryMib: 0 }
  const add = ({ cores, memoryMib }: { cores: number; memoryMib: number }): void => {
    sum.cores += cores
    sum.memoryMib += memoryMib
  }
  for (const { worker, description } of activeDrivers) if (worker === workerId) add(description)
  for (const { executors } of activeApps)
    for (const executor of executors) if (executor.workerId === workerId) add(executor)
  return sum
}
