import type { ClientMessage, FromApplication } from '../messages/catalogue.js'
import type { ApplicationDescription, DriverIncarnation, Position } from '../messages/common.js'
import type { ExecutorUpdated, WorkerRemoved } from '../messages/executors.js'
import type { HeldExecutor } from './executor-registry.js'
import type { DialEffect } from './master-links.js'

/* What goes into the core of a ClientEndpoint, and what comes out. */

export interface ClientConfig {
  /** firesteel:// addresses of the Masters known so far. */
  readonly masters: readonly string[]
  /** Random id of this registration: repeated, it gives the same application (protocol 10). */
  readonly registration: string
  readonly description: ApplicationDescription
  readonly driver?: DriverIncarnation | undefined
  /** Where executors dial us; without a host the address that the Master sees us under. */
  readonly listen: { readonly host?: string; readonly port: number }
  /** How long the registration may take. */
  readonly masterTimeoutMs: number
}

/** Why an application is over, or a request was not done. `code` as users see it: FIRESTEEL_... */
export interface Reason {
  readonly code: string
  readonly message: string
  readonly help?: string | undefined
  readonly place?: string | undefined
}

export type ClientInput =
  | { readonly kind: 'start' }
  /** `address`: the firesteel:// address that was dialled. */
  | { readonly kind: 'linkUp'; readonly peer: string; readonly address: string }
  | { readonly kind: 'linkDown'; readonly peer: string; readonly reason: string }
  | { readonly kind: 'dialFailed'; readonly address: string; readonly reason: string }
  /** Wrong secret, cluster or version: the Master does not let us in. */
  | { readonly kind: 'refused'; readonly address: string; readonly reason: Reason }
  | {
      readonly kind: 'message'
      readonly from: string
      readonly position: Position
      readonly message: ClientMessage
    }
  /** What became of an `ask` effect. */
  | { readonly kind: 'answered'; readonly ask: number; readonly answer: ClientMessage | Reason }
  | { readonly kind: 'timer'; readonly key: ClientTimer }
  | { readonly kind: 'requestExecutors'; readonly total: number; readonly waiter: number }
  | { readonly kind: 'killExecutor'; readonly execId: number; readonly reason: string }
  /** Its first result has come. */
  | { readonly kind: 'executorWorked'; readonly execId: number }
  | { readonly kind: 'close' }

export type ClientTimer = 'register' | 'unregister' | 'masterTimeout' | 'unregisterTimeout' | 'retry'

export type ClientEffect =
  | DialEffect
  | { readonly kind: 'tell'; readonly to: string; readonly message: FromApplication }
  /** Comes back as `answered`, also when it fails. */
  | { readonly kind: 'ask'; readonly ask: number; readonly to: string; readonly message: FromApplication }
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
  /** `ended`: it was held until now. */
  | { readonly kind: 'executorUpdated'; readonly update: ExecutorUpdated; readonly ended: boolean }
  | { readonly kind: 'workerRemoved'; readonly worker: WorkerRemoved }
  | { readonly kind: 'settled'; readonly waiter: number; readonly done: boolean }
  /** The last one. Without a reason: closed as asked. */
  | { readonly kind: 'ended'; readonly reason?: Reason }
