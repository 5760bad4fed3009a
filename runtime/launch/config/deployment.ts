import type { DriverDescription } from '../../../actors/messages/common.js'
import type { MonitoringReaders } from '../../http/monitoring.js'

/* A deployment file as the launcher uses it: units in the names, defaults filled in. */

export type RecoveryMode = 'NONE' | 'FILESYSTEM' | 'REDIS' | 'CUSTOM'

export interface RecoveryPlan {
  readonly mode: RecoveryMode
  /** Absolute; used with FILESYSTEM. */
  readonly directory: string
  readonly leaseMs: number
  /**
   * REDIS: URL of the data store, with absolute paths; null if `sentinel` finds it. May hold a password, so
   * it is never logged whole.
   */
  readonly redis: string | null
  readonly sentinel: SentinelPlan | null
  /** REDIS: URLs of the lock servers. Empty: the data store holds the lock. */
  readonly election: readonly string[]
  /** REDIS: replicas that must have a commit (WAIT). */
  readonly replicas: number
  /** CUSTOM: absolute path of the module. */
  readonly module: string | null
}

export interface SentinelPlan {
  /** Name of the primary in Sentinel. */
  readonly name: string
  /** host:port of each Sentinel; an IPv6 address in brackets. */
  readonly hosts: readonly string[]
  /** For the data servers. Passwords are never logged. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Default 0. */
  readonly db?: number | undefined
  /** For Sentinels and data servers; absent: no TLS. */
  readonly tls?: TlsPlan | undefined
  /** For the Sentinels themselves. */
  readonly sentinelUsername?: string | undefined
  readonly sentinelPassword?: string | undefined
}

export interface TlsPlan {
  /** Absolute paths of PEM files. Absent: what Node trusts, and no certificate of our own. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Name in the certificates of the servers. */
  readonly servername?: string | undefined
}

export interface MasterPlan {
  readonly name: string
  readonly host: string
  readonly port: number
  /** False: no HTTP. */
  readonly web: number | false
  /** Where HTTP listens; absent: at `host`. */
  readonly webHost?: string
  readonly rest: number | null
  readonly advertise: string
}

export interface WorkerPlan {
  readonly name: string
  readonly host: string
  readonly port: number
  /** False: no HTTP. */
  readonly web: number | false
  /** Where HTTP listens; absent: at `host`. */
  readonly webHost?: string
  readonly advertise: string
  /** Null: all of the machine, or its share beside other Workers of the host. */
  readonly cores: number | null
  /** Null: the default of the machine, or its share of that. */
  readonly memoryMib: number | null
  readonly resources: Readonly<Record<string, readonly string[]>>
  readonly labels: Readonly<Record<string, string>>
  /** How long a drain before its stop may take; null: it stops at once. */
  readonly drainOnStopMs: number | null
  readonly noNewPrivileges: boolean
  /** Absolute. Null: any code. */
  readonly codeRoots: readonly string[] | null
  /** Null: any. */
  readonly allowEnv: readonly string[] | null
  /** Null: the group of its process. False: none. */
  readonly cgroup: string | false | null
  /** Null: the user of the Worker. */
  readonly runAs: string | null
}

export interface SchedulingPlan {
  readonly spreadOut: boolean
  /** Null: unlimited. */
  readonly defaultCores: number | null
  readonly workerTimeoutMs: number
  readonly orphanGraceMs: number
  readonly relaunchOnRefused: boolean
  readonly maxExecutorRetries: number
}

export interface SubmissionPlan {
  readonly name: string
  /** Absolute. */
  readonly main: string
  readonly args: readonly string[]
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, number>>
  /** Labels that its Worker must have. */
  readonly on?: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly supervise: boolean
  readonly maxRestarts?: number
  readonly restartWindowMs?: number
  readonly timeoutMs?: number
  readonly stopSignal?: DriverDescription['stopSignal']
  readonly stopGraceMs?: number
  readonly readiness?: DriverDescription['readiness']
  readonly healthcheck?: DriverDescription['healthcheck']
  readonly onIsolation: 'run' | 'stop'
}

export interface LoggingPlan {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly format: 'json' | 'text'
}

export interface RecordingPlan {
  /** Absolute. */
  readonly directory: string
  /** Of each Master. */
  readonly maxMib: number
}

/** Where nodes write down who did what. */
export interface AuditPlan {
  /** Absolute. */
  readonly directory: string
  /** Of one file. */
  readonly maxMib: number
  /** Of each node. */
  readonly files: number
}

export interface CodeSettings {
  /** Absolute folder, in which each Worker has one; null: in its work folder. */
  readonly cache: string | null
  readonly maxMib: number
  readonly inPlace: boolean
}

/** Absolute paths of the PEM files of a node. */
export interface NodeTlsPlan {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly crl?: string | undefined
}

export type SecretSource =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'file'; readonly path: string }
  /** FIRESTEEL_SECRET, otherwise .firesteel/secret. */
  | { readonly kind: 'default' }

export interface Deployment {
  readonly cluster: string
  readonly recovery: RecoveryPlan
  readonly masters: readonly MasterPlan[]
  readonly workers: readonly WorkerPlan[]
  /** In a file that only has workers: firesteel:// of each Master to join. */
  readonly join: readonly string[]
  readonly secret: SecretSource
  /** Null: no TLS. */
  readonly tls: NodeTlsPlan | null
  /** Null: nothing is written down. */
  readonly audit: AuditPlan | null
  readonly scheduling: SchedulingPlan
  readonly submissions: readonly SubmissionPlan[]
  readonly logging: LoggingPlan
  readonly traceRing: number
  readonly monitoring: MonitoringReaders
  /** URL of a collector of traces; null: none. */
  readonly otlp: string | null
  /** What Masters record of themselves; null: nothing. */
  readonly recording: RecordingPlan | null
  readonly code: CodeSettings
}

/** Default ports. */
export const defaultPorts = { master: 7070, masterWeb: 8080, worker: 0, workerWeb: 8081 } as const
