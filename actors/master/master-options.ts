import type { Clock } from '../../runtime/clock.js'
import type { Log } from '../../runtime/observe/log.js'
import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import type { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { NodeSpans } from '../../runtime/telemetry/node-spans.js'
import type { TimerSource } from '../../runtime/timers.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { AgentMessage } from '../messages/election.js'
import type { PageTicket } from '../messages/pages.js'
import type { ClusterState } from './cluster-state.js'
import type { MasterConfig } from './master-config.js'
import type { MasterCore } from './master-core.js'
import type { MasterListener } from './master-event.js'
import type { MasterInput } from './master-input.js'
import type { MasterMetrics } from './master-metrics.js'
import type { SecretQuestion } from './secret-question.js'
import type { Step } from './step.js'
import type { Secrets } from './token-secrets.js'

/** The dependencies of a Master actor. */
export interface MasterOptions {
  readonly incarnation: string
  readonly gateway: Gateway<MasterMessage>
  readonly engine: PersistenceEngine
  /** The record cache of this process: what was durable under its leaderships. */
  readonly recordCache: RecordCache
  readonly config: MasterConfig
  readonly clock: Clock
  readonly timers?: TimerSource
  readonly log: Log
  readonly newWriteId: () => string
  /** The LeaderElectionAgent, once it exists. */
  readonly agent: () => Ref<AgentMessage> | undefined
  /** True: effects of this leadership may still leave. Asked first in every turn (protocol 6). */
  readonly mayAct: () => boolean
  /** Value of the lock, for touches. */
  readonly lock: () => string
  /** The lock in the leader record of this owner, as a STANDBY has read it; '' if it has not. */
  readonly lockOf: (owner: string) => string
  readonly storeReachable: () => boolean
  /**
   * True: the kernel of this Worker's host refuses connections to its port. `join`: its token, if it has one.
   */
  readonly probe: (host: string, port: number, join: string | undefined) => Promise<boolean>
  /** May it hand over of its own will again? */
  readonly mayHandOver: () => boolean
  readonly listener: MasterListener
  /** Makes its core. Absent: one whose inputs nobody records. */
  readonly newCore?: (config: MasterConfig) => MasterCore
  /** Makes a ticket for its pages. Absent: it has none. */
  readonly pageTicket?: (subject?: string) => PageTicket
  /** What the core has decided about an input. */
  readonly onDecided?:
    | ((input: MasterInput, step: Step, cluster: ClusterState | undefined) => void)
    | undefined
  /** What a peer was answered beside the core. */
  readonly onSecretAnswer?:
    | ((
        message: SecretQuestion,
        from: string | undefined,
        answer: { readonly type: string },
        cluster: ClusterState,
      ) => void)
    | undefined
  /** Absent: it makes no tokens. */
  readonly secrets?: Secrets | undefined
  /** Where the spans of requests go. Absent: this node has no tracing.otlp. */
  readonly spans?: NodeSpans | undefined
  /** Of its process: it outlives this Master. */
  readonly metrics: MasterMetrics
}
