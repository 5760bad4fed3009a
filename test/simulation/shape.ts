import type { MasterConfig } from '../../actors/master/master-config.js'

/** The shape of one simulated cluster, drawn from its seed. */
export interface Shape {
  readonly masters: number
  readonly workers: number
  readonly submitters: number
  readonly applications: number
  readonly lockServers: number
  readonly leaseMs: number
  readonly workerTimeoutMs: number
  /** What the own settings of the Workers say, where that is something else. */
  readonly ownTimeoutMs?: number
  /** The orphanGrace of the Workers' own settings; the Masters have none. */
  readonly ownGraceMs?: number
  /** What every second Master has, where that is something else. */
  readonly otherTimeoutMs?: number
  readonly meanDelayMs: number
  /** Workers have custom resources, and work asks for them. */
  readonly resources: boolean
  /** Every message goes through the schemas of the catalogue, as on real links. */
  readonly validates: boolean
}

/** Scripts change it before the first Master starts. */
export type ClusterConfig = Omit<MasterConfig, 'address' | 'masters' | 'maxExecutorRetries'> & {
  maxExecutorRetries: number
}
