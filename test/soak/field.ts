import type { ClusterNode, RedisServer, TestCluster } from '../harness/index.js'
import type { Machines } from '../harness/machines.js'

/** What work and judge know of a cluster on machines of its own. It has three Masters. */
export interface Field {
  readonly name: string
  readonly shape: { readonly workers: number }
  /** The servers that hold the data. */
  readonly servers: { primary(): Promise<RedisServer> }
  readonly machines: Machines
  readonly cluster: TestCluster
  readonly workers: readonly ClusterNode[]
  /** Nodes that started more often since the last check than we ended them. */
  unaskedDeaths(): string[]
}
