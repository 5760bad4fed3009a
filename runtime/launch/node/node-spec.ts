import type { WorkerCodeConfig } from '../../../actors/worker/worker-config.js'
import type { MonitoringReaders } from '../../http/monitoring.js'
import type {
  AuditPlan,
  LoggingPlan,
  NodeTlsPlan,
  RecordingPlan,
  RecoveryPlan,
  SchedulingPlan,
} from '../config/deployment.js'

/*
 * What a node is told at its start: by the launcher through the control pipe, or directly by `master` and
 * `worker`.
 */

export interface CommonSpec {
  /** Name of the node in its cluster. */
  readonly name: string
  readonly cluster: string
  readonly secret: string
  /** Null: no TLS. */
  readonly tls: NodeTlsPlan | null
  /** Null: it writes no audit. */
  readonly audit: AuditPlan | null
  /** Address to listen on. */
  readonly host: string
  /** Actors' port; 0 is any free one. */
  readonly port: number
  /** HTTP port; 0 is any free one; false: it has no HTTP. */
  readonly web: number | false
  /** Address on which HTTP listens; absent: `host`. */
  readonly webHost?: string
  /** Host under which others reach it. */
  readonly advertise: string
  readonly leaseMs: number
  readonly logging: LoggingPlan
  /** Envelopes that the trace of this process remembers. */
  readonly traceRing: number
  /** Collector of OpenTelemetry; null: this node makes no spans. */
  readonly otlp: string | null
  readonly monitoring: MonitoringReaders
}

export interface MasterSpec extends CommonSpec {
  readonly role: 'master'
  readonly rest: number | null
  readonly recovery: RecoveryPlan
  readonly scheduling: SchedulingPlan
  /** firesteel://host:port of all Masters known at its start. The node itself may be among them. */
  readonly masters: readonly string[]
  /** What it records of itself; null: nothing. */
  readonly recording: RecordingPlan | null
  /**
   * Highest epoch that earlier processes of this node led or knew of. With NONE nothing else remembers it.
   */
  readonly observedEpoch?: number
}

export interface WorkerSpec extends CommonSpec {
  readonly role: 'worker'
  /** Id of its token; `secret` is that of the token then. Absent: it has the secret of the cluster. */
  readonly join?: string | undefined
  /** firesteel://host:port of each Master. */
  readonly masters: readonly string[]
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, readonly string[]>>
  readonly labels: Readonly<Record<string, string>>
  readonly drainOnStopMs: number | null
  readonly noNewPrivileges: boolean
  readonly codeRoots: readonly string[] | null
  readonly allowEnv: readonly string[] | null
  readonly cgroup: string | false | null
  readonly runAs: string | null
  /** Its launcher, or a service manager, starts it again when it ends. */
  readonly isSupervised: boolean
  readonly workerTimeoutMs: number
  readonly orphanGraceMs: number
  readonly code: WorkerCodeConfig
  /** Absolute. Output files, working folders and records of what runs. */
  readonly workDirectory: string
}

export type NodeSpec = MasterSpec | WorkerSpec
export type NodeRole = NodeSpec['role']

/** Where a node listens. */
export interface NodePlace {
  /** firesteel://host:port, as others reach it. */
  readonly address: string
  readonly port: number
  /** URL of its HTTP server; null: it has none. */
  readonly web: string | null
  /** 0: it has no HTTP. */
  readonly webPort: number
  readonly rest: string | null
}

/** What a node tells its launcher. */
export type NodeEvent =
  /** Its ports are bound. */
  | ({ readonly event: 'listening' } & NodePlace)
  /**
   * A Master that is ALIVE, or that is STANDBY and knows the leader; a Worker that is registered. So when all
   * nodes are ready, a Master is ALIVE.
   */
  | { readonly event: 'ready' }
  /** It leads this epoch, or knows of it. Its next process starts above it. */
  | { readonly event: 'epoch'; readonly epoch: number; readonly leads?: boolean }
  /**
   * A Master that cannot be elected for now, such as one without its store; undefined: nothing hinders it any
   * more.
   */
  | { readonly event: 'hindered'; readonly error?: ErrorRecord | undefined }
  /** A Worker has heard that it is to drain before it stops. */
  | { readonly event: 'drainNoted' }
  /** It is about to exit, and its next process takes back what it runs. */
  | { readonly event: 'restarting' }
  /** It was told to restart, and goes on: it cannot leave what it runs. */
  | { readonly event: 'restartRefused'; readonly error: ErrorRecord }
  /** It is about to exit because of this error. */
  | { readonly event: 'failed'; readonly error: ErrorRecord }

/** What a launcher tells a node after its specification. */
export type NodeOrder =
  /** All Masters known now. Those with port 0 have their addresses only once they listen. */
  /** `gone`: these were Masters, and are none any more. */
  | { readonly order: 'masters'; readonly addresses: readonly string[]; readonly gone?: readonly string[] }
  /** A Worker that is told to stop drains before, for so long. */
  | { readonly order: 'drainBeforeStop'; readonly ms: number }

/** An error of ours, between processes and in `--json`. */
export interface ErrorRecord {
  readonly code: string
  readonly message: string
  readonly help: string
  readonly place?: string
}

/** A running node, in this process. */
export interface RunningNode {
  /** An order of the launcher. */
  observed(order: NodeOrder): void
  /** Before `stop`, where it was asked for in order: lets what runs end. */
  drain?(): Promise<void>
  /** SIGHUP: reads its certificates again. Absent: it has none. */
  reload?(): void
  /** Stops in order: closes ports, ends children. Resolves when nothing is left. */
  stop(): Promise<void>
  /**
   * Ends, and leaves what it runs to its next process. Rejects with RESTART_REFUSED, and goes on, if it
   * cannot. Absent: it runs nothing that could outlive it.
   */
  handOver?(): Promise<void>
  /**
   * Rejects when the node cannot go on (a failed actor, a store that refuses it for good). Never resolves.
   */
  /** Called when the cluster asks for a restart: whoever runs this node calls `handOver` then. */
  onRestartAsked?: (() => void) | undefined
  readonly failed: Promise<never>
  /**
   * The process is about to end because of this. Reports it on `/healthz` and in the log. Resolves when the
   * log is written.
   */
  abandon(reason: unknown): Promise<void>
}

/** Starts a node in this process; rejects with a coded error. */
export type StartNode<S extends NodeSpec> = (
  spec: S,
  tell: (event: NodeEvent) => void,
) => Promise<RunningNode>
