import type { ClusterState } from './cluster-state.js'

/** What of the cluster is in use at a moment. Only Workers that are ALIVE count. */
export interface Usage {
  readonly cores: number
  readonly coresUsed: number
  readonly memoryMib: number
  readonly memoryMibUsed: number
}

export function usageOf({ workers }: ClusterState): Usage {
  const usage = { cores: 0, coresUsed: 0, memoryMib: 0, memoryMibUsed: 0 }
  for (const { shownState: state, record, coresUsed, memoryUsedMib } of workers.values()) {
    if (state !== 'ALIVE') continue
    usage.cores += record.cores
    usage.coresUsed += coresUsed
    usage.memoryMib += record.memoryMib
    usage.memoryMibUsed += memoryUsedMib
  }
  return usage
}
