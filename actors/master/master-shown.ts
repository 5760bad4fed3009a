import type { Peer } from './access.js'
import { countCluster } from './cluster-counts.js'
import type { CommitQueueView } from './commit-queue-view.js'
import type { LogHome } from './log-location.js'
import type { MasterCore } from './master-core.js'
import type { MasterGauges } from './master-families.js'
import type { Detailed, StateHead } from './snapshot.js'
import type { MasterSnapshot } from './snapshot-cache.js'
import type { Now } from './step.js'
import type { Usage } from './usage.js'

/** What a Master shows of itself. Nothing here changes its state. */
export class MasterShown {
  readonly #core: MasterCore
  readonly #commitQueue: () => CommitQueueView
  readonly #now: () => Now

  constructor(core: MasterCore, commitQueue: () => CommitQueueView, now: () => Now) {
    this.#core = core
    this.#commitQueue = commitQueue
    this.#now = now
  }

  /** For probes: everything but the rows. */
  head(): StateHead {
    return this.#core.head(this.#commitQueue())
  }

  /** For metrics. `counting` counts the cluster state, step by step. */
  gauges(): MasterGauges {
    const counting = () => countCluster(this.#core.cluster, this.#now())
    return { ...this.#commitQueue(), state: this.#core.state, counting }
  }

  /** For pages. Frequent calls are cheap (see SnapshotCache). */
  snapshot(): MasterSnapshot {
    return this.#core.snapshot(this.#commitQueue(), this.#now())
  }

  /** For pictures of it over time; undefined: this Master does not lead. */
  usage(): Usage | undefined {
    return this.#core.usage()
  }

  /** For the page of one thing: all that is known of it. */
  detailed(id: string): Detailed {
    return this.#core.detailed(id, this.#now())
  }

  /** At the handshake of a peer that has proved its key: true, it is not in force any more. */
  isOver(peer: Peer): boolean {
    return this.#core.isOver(peer)
  }

  /** For the links to an output: where it lies. */
  logHomes(id: string): readonly LogHome[] {
    return this.#core.logHomes(id)
  }
}
