import type { ClientMessage, FromApplication } from '../messages/catalogue.js'
import type { ApplicationDescription, DriverIncarnation, Position } from '../messages/common.js'
import type { ExecutorUpdated, WorkerRemoved } from '../messages/executors.js'
import type { Waiting } from '../messages/launch-failures.js'
import type { RequestMasterState } from '../messages/status.js'
import type { TaskSummary, TasksSummarized } from '../messages/task-summary.js'
import type { HeldExecutor } from './executor-registry.js'
import type { DialEffect } from './master-links.js'

/* Inputs and effects of the core of a ClientEndpoint. */

export interface ClientConfig {
  /** `firesteel://` addresses of the Masters known so far. */
  readonly masters: readonly string[]
  /** Random id of this registration. A repeated registration gives the same application (protocol 10). */
  readonly registration: string
  readonly description: ApplicationDescription
  readonly driver?: DriverIncarnation | undefined
  /** Where executors dial this process. Without a host they dial the address at which the Master sees it. */
  readonly listen: { readonly host?: string; readonly port: number }
  /** How long the registration may take. */
  readonly masterTimeoutMs: number
  /** An executor that has been idle for so long is given back; Infinity: never. */
  readonly idleTimeoutMs: number
  /** The Master is told how the tasks fare. */
  readonly summaries?: boolean
  /** Set if nobody named the cluster: the end of this application if nothing listens at its addresses. */
  readonly absent?: Reason | undefined
}

/** Why an application ended, or a request was not done. `code` is the full one: FIRESTEEL_... */
export interface Reason {
  readonly code: string
  readonly message: string
  readonly help?: string | undefined
  readonly place?: string | undefined
}

export type ClientInput =
  | { readonly kind: 'start' }
  /** `address` is the `firesteel://` address that was dialled. */
  | { readonly kind: 'linkUp'; readonly peer: string; readonly address: string }
  | { readonly kind: 'linkDown'; readonly peer: string; readonly reason: string }
  | {
      readonly kind: 'dialFailed'
      readonly address: string
      readonly reason: string
      /** The kernel of that machine refused the connection. */
      readonly nobodyListens?: boolean
    }
  /** The Master refuses this client: wrong secret, cluster or version. `isForGood`: its token is over. */
  | {
      readonly kind: 'refused'
      readonly address: string
      readonly reason: Reason
      readonly isForGood?: boolean
    }
  | {
      readonly kind: 'message'
      readonly from: string
      readonly position: Position
      readonly message: ClientMessage
    }
  /** The answer to an `ask` effect, or why there is none. */
  | { readonly kind: 'answered'; readonly ask: number | 'why'; readonly answer: ClientMessage | Reason }
  | { readonly kind: 'timer'; readonly key: ClientTimer }
  | { readonly kind: 'requestExecutors'; readonly total: number; readonly waiter: number }
  | {
      readonly kind: 'killExecutor'
      readonly execId: number
      readonly reason: string
      /** It has nothing left, and was to end. */
      readonly leaves?: boolean
    }
  /** The executor has run its first task. */
  | { readonly kind: 'executorWorked'; readonly execId: number }
  /** How its tasks fare: the answer to `summarize`. */
  | { readonly kind: 'summary'; readonly summary: TaskSummary }
  /** These idle executors get no more tasks, so they can be given back. */
  | { readonly kind: 'givenBack'; readonly execIds: readonly number[] }
  /** There is more work than the executors take. */
  | { readonly kind: 'workWaits' }
  /** The program gives up these executors, and wants none in their place. */
  | { readonly kind: 'killExecutors'; readonly execIds: readonly number[]; readonly waiter: number }
  | { readonly kind: 'close' }

export type ClientTimer =
  | 'register'
  | 'unregister'
  | 'masterTimeout'
  | 'unregisterTimeout'
  | 'retry'
  /** It has had no executor for a while. */
  | 'waiting'
  /** Have some been idle for too long? */
  | 'idle'
  /** The Master is told of the tasks. */
  | 'summary'

export type ClientEffect =
  | DialEffect
  | { readonly kind: 'tell'; readonly to: string; readonly message: FromApplication | TasksSummarized }
  /** `answered` follows, also if the request fails. */
  | {
      readonly kind: 'ask'
      /** `why`: this asks why the application waits. */
      readonly ask: number | 'why'
      readonly to: string
      readonly message: FromApplication | RequestMasterState
    }
  | { readonly kind: 'startTimer'; readonly key: ClientTimer; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly key: ClientTimer }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly text: string
      readonly fields: object
    }
  | { readonly kind: 'registered'; readonly appId: string }
  | { readonly kind: 'masterChanged'; readonly master: string; readonly epoch: number }
  | { readonly kind: 'masterLost'; readonly reason: string }
  | { readonly kind: 'executorAdded'; readonly executor: HeldExecutor }
  /** `ended`: the executor was held until now. */
  | { readonly kind: 'executorUpdated'; readonly update: ExecutorUpdated; readonly ended: boolean }
  | { readonly kind: 'workerRemoved'; readonly worker: WorkerRemoved }
  /** Look for idle executors, and answer with `givenBack` in the same turn. */
  | { readonly kind: 'look' }
  /**
   * Look how the tasks fare, and answer in the same turn with `summary` if that has changed. `anew`: the
   * leader knows nothing yet.
   */
  | { readonly kind: 'summarize'; readonly anew: boolean }
  /** It has no executor, because its program wants none. */
  | { readonly kind: 'wantsNone' }
  /** Its Master says why it has no executor. */
  | { readonly kind: 'waits'; readonly waiting: Waiting; readonly message: string }
  | { readonly kind: 'settled'; readonly waiter: number; readonly done: boolean }
  /** The last effect. Without a reason the application was closed as asked. */
  | { readonly kind: 'ended'; readonly reason?: Reason }
