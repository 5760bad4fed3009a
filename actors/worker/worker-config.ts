import type { RunAs } from '../../runtime/process/run-as.js'
import type { TlsSource } from '../../runtime/tls/tls-source.js'
import type { ResourceAddresses } from '../messages/common.js'

export interface WorkerCodeConfig {
  /** Absolute path of the cache, of this Worker alone. */
  readonly cache: string
  /** All code in it has at most so many bytes, unless work needs more. */
  readonly maxBytes: number
  /** True: code that this Worker sees where it lies is used there, and is not copied. */
  readonly inPlace: boolean
}

/** What its node tells a Worker. Times in milliseconds. */
export interface WorkerConfig {
  readonly name: string
  readonly cluster: string
  /** The cluster's secret, or with `join` that of the Worker's token. */
  readonly secret: string
  /** Id of the token by which it joins. Absent: it has the cluster's secret. */
  readonly join?: string | undefined
  /** Absent: no TLS. */
  readonly tls?: TlsSource | undefined
  /** Where its actors listen. The port is the bound one. */
  readonly host: string
  readonly port: number
  /** The host at which others reach it; default: `host`. */
  readonly advertise?: string | undefined
  /** URL of its pages. */
  readonly web: string | null
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly labels: Readonly<Record<string, string>>
  /** What it runs gains no privileges. Default true. */
  readonly noNewPrivileges?: boolean | undefined
  /** Absolute folders: it runs only code in these. Code that travels is none. Null or absent: any code. */
  readonly codeRoots?: readonly string[] | null
  /** Environment variables that work may bring; `NAME_*` are all that begin so. Null or absent: any. */
  readonly allowEnv?: readonly string[] | null
  /** Folder for the control groups of its work. Absent: the group of its process. False: it has none. */
  readonly cgroup?: string | false | undefined
  /** Who its work runs as; absent: its own user. */
  readonly runAs?: RunAs | undefined
  /** Absolute path. It is made if it is missing. */
  readonly workDir: string
  /** Each is `firesteel://host:port`, with one or more addresses. */
  readonly masters: readonly string[]
  /** W of the protocol, until a leader tells another. */
  readonly workerTimeoutMs: number
  readonly orphanGraceMs: number
  /** An executor exits after this long without its driver. */
  readonly applicationTimeoutMs: number
  /** Size at which stdout and stderr files are rotated. */
  readonly outputFileBytes?: number | undefined
  readonly code: WorkerCodeConfig
  /** After this silence a link to a Master counts as dead: max(5 s, 2 leases). */
  readonly linkDeadMs?: number | undefined
  /** The leader says which tokens are in force. */
  readonly onTokens?: ((ids: readonly string[]) => void) | undefined
  /** Given if the node's listener needs it earlier; default: a new one. */
  readonly incarnation?: string | undefined
  /** True: somebody starts its process again when that ends, so that it may be told to restart. */
  readonly isSupervised?: boolean
}
