import type { Receiver } from '../../actors/messages/catalogue.js'
import type { ResourceAddresses } from '../../actors/messages/common.js'
import type { LaunchDriver } from '../../actors/messages/drivers.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import type { RestartWorkerResponse } from '../../actors/messages/worker-restart.js'
import type { HeartbeatAck } from '../../actors/messages/workers.js'
import type { WorkerCore } from '../../actors/worker/worker-core.js'
import type { WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ElectRequest, Fence, Page, Table } from '../../runtime/persistence/engine.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import type { GatewayOptions } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { KnownFormats } from './format-watch.js'
import type { History } from './history.js'
import type { LockServer } from './lock-server.js'
import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { Rates } from './rates.js'
import type { RestartAsked } from './restart-watch.js'
import type { ClusterConfig, Shape } from './shape.js'
import type { SimApplier } from './sim-applier.js'
import type { SimChild } from './sim-child.js'
import type { StoreServer } from './store-server.js'
import type { TaskLedger } from './task-ledger.js'
import type { Timeline } from './timeline.js'
import type { Fail } from './violation.js'

/** What a Worker offers. */
export interface WorkerOffer {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
}

/** A process of a Worker, as those see it that watch what it does. */
export interface WatchedWorker {
  readonly core: WorkerCore
  readonly place: Place
  readonly incarnation: string
  readonly offer: WorkerOffer
  readonly isStopping: boolean
  /** SIGTERM: it stops once its work has left. */
  readonly isDraining: boolean
  /** It has announced its restart. */
  readonly isLeaving: boolean
}

/** Those that watch what processes of the cluster do, where it takes effect. */
export interface Watchers {
  readonly fail: Fail
  readonly work: {
    workerStepped(worker: WatchedWorker, input: WorkerInput, effects: readonly WorkerEffect[]): void
    heartbeatHandled(owner: string, ack: HeartbeatAck): void
    executorLaunched(owner: string, launch: LaunchExecutor): void
    launchDecided(launch: LaunchDriver, received: ReadonlyMap<string, number>): void
    workerRemoved(id: string): void
    killedUnasked(child: SimChild): void
  }
  readonly drains: {
    /** Gives the reason to ask with. */
    asking(worker: string, deadlineMs: number): string
    acknowledged(reason: string): void
    undraining(worker: string): void
    undrained(worker: string): void
    repeated(cause: string): void
  }
  readonly deployments: {
    applyEnded(applier: SimApplier): void
    isReplaced(driverId: string): boolean
  }
  readonly restarts: {
    asked(worker: string): RestartAsked | undefined
    ended(asked: RestartAsked, response: RestartWorkerResponse): void
    over(asked: RestartAsked): void
  }
  readonly formats: {
    began(incarnation: string, known: KnownFormats): void
    asks(request: ElectRequest, known: KnownFormats): void
    begins(owner: string, format: number): void
    raising(owner: string, linked: readonly string[], format: number, atLeast: number): void
    answers(response: object): void
    told(owner: string, response: { readonly is: number }): void
    isTooOld(formats: FormatRange): boolean
  }
  readonly reads: {
    given(fence: Fence, writeId: string, table: Table, cursor: string | undefined, page: Page): void
  }
  readonly starts: {
    executorFailed(appId: string, workerId: string): void
    applicationFailed(appId: string): void
  }
}

/** What a simulated process has around it. It knows no other process but over the network. */
export interface SimWorld {
  readonly cluster: string
  readonly key: Buffer
  readonly shape: Shape
  readonly rates: Rates
  readonly random: Random
  readonly timeline: Timeline
  readonly network: Network
  readonly store: StoreServer
  readonly locks: readonly LockServer[]
  readonly leaseMs: number
  readonly linkDeadMs: number
  readonly masterAddresses: readonly string[]
  readonly masterConfig: ClusterConfig
  /**
   * Workers, by name, on which nothing can be started, or executors end at once; `port`: those beside another
   * one of their application.
   */
  readonly bad: ReadonlyMap<string, { readonly how: 'start' | 'exit' | 'port'; readonly sinceMs: number }>
  readonly history: History
  readonly tasks: TaskLedger
  readonly checks: Watchers
  machine(host: string): Machine
  incarnation(name: string): string
  check(receiver: Receiver): GatewayOptions['check']
  rejected(place: Place, peer: PeerIdentity, reason: string): void
  /** An actor of the shipped code threw. */
  defect(text: string, error: unknown): void
  tell(who: string, text: string, fields?: object): void
  logOf(name: string): Log
  childStarted(child: SimChild): void
  childEnded(child: SimChild, exitCode: number | null): void
  readonly touched: (place: Place) => void
}
