import type { ResourceAddresses } from '../messages/common.js'

/** What a Worker is told by the node that it lives in. Times in milliseconds. */
export interface WorkerConfig {
  readonly name: string
  readonly cluster: string
  /** The cluster's secret, from which the keys of what it starts are derived. */
  readonly secret: string
  /** Where its actors listen; the port is the bound one. */
  readonly host: string
  readonly port: number
  /** Host under which others reach it; default: `host`. */
  readonly advertise?: string | undefined
  /** URL of its pages. */
  readonly web: string | null
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly labels: Readonly<Record<string, string>>
  /** Absolute; made if missing. */
  readonly workDir: string
  /** `firesteel://host:port`, one or more in each. */
  readonly masters: readonly string[]
  /** W of the protocol. */
  readonly workerTimeoutMs: number
  readonly orphanGraceMs: number
  /** Without its driver for this long an executor exits. */
  readonly applicationTimeoutMs: number
  /** Size at which stdout and stderr files are rotated. */
  readonly outputFileBytes?: number | undefined
  /** Silence that makes a link to a Master dead: max(5 s, 2 leases). */
  readonly linkDeadMs?: number | undefined
  /** Where the node's listener needs it first; default: a fresh one. */
  readonly incarnation?: string | undefined
}
