import type { CoreMessage, WorkerEffect } from '../../actors/worker/worker-events.js'
import type { Position } from '../../runtime/persistence/engine.js'
import type { ApplicationNode, MasterNode, SubmitterNode, WorkerNode } from './nodes.js'
import type { SimChild } from './sim-child.js'
import type { SimWorld, WatchedWorker, Watchers } from './sim-world.js'

/** The whole cluster, as those see it that check it, or that lie to all of it. */
export interface WatchedWorld extends SimWorld {
  readonly masters: readonly MasterNode[]
  readonly workers: readonly WorkerNode[]
  readonly submitters: readonly SubmitterNode[]
  readonly applications: readonly ApplicationNode[]
  readonly running: ReadonlySet<SimChild>
  readonly events: number
  /** Something befell it that may make a healthy Worker look dead. */
  readonly disturbed: boolean
  readonly checks: Watchers & {
    /** How often the store fell. */
    readonly debts: { readonly falls: number }
    readonly drains: {
      obeyed(
        worker: WatchedWorker,
        at: Position,
        message: CoreMessage,
        effects: readonly WorkerEffect[],
      ): void
    }
    readonly restarts: {
      told(worker: WatchedWorker, message: CoreMessage, effects: readonly WorkerEffect[]): void
      refused(worker: WatchedWorker): void
    }
    readonly starts: { launched(worker: WatchedWorker, from: string, message: CoreMessage): void }
  }
}
