import type { ClusterNode, RedisServer, TestCluster } from '../harness/index.js'
import type { Machines } from '../harness/machines.js'

/** A cluster on machines of its own, as far as work and judgement know it. Three Masters. */
export interface Field {
  readonly name: string
  readonly shape: { readonly workers: number }
  /** Where the data is. */
  readonly servers: { primary(): Promise<RedisServer> }
  readonly machines: Machines
  readonly cluster: TestCluster
  readonly workers: readonly ClusterNode[]
  /** Nodes that were started more often than we ended them, since the last look. */
  unaskedDeaths(): string[]
}
