import { timesOfTimeout, type WorkerTimes } from './worker-identity.js'

/**
 * The times that a Worker lives by. Its own settings may have another W than its Masters: a Worker that joins
 * by options knows of none. So it takes what the leader that it obeys tells it (protocol 8.1).
 */
export class TimesInForce {
  readonly #own: WorkerTimes
  readonly #times: WorkerTimes

  /** `workerTimeoutMs`: what the process before lived by. */
  constructor(own: WorkerTimes, workerTimeoutMs = own.workerTimeoutMs) {
    this.#own = own
    this.#times = { ...own }
    this.#take(workerTimeoutMs)
  }

  /** One object for all parts of the core. What derives from W changes in it. */
  get times(): WorkerTimes {
    return this.#times
  }

  /**
   * A leader answered a heartbeat. One that tells nothing cannot know that this Worker would live longer than
   * before, and a later leader would not know it either. So nothing becomes longer unless a leader tells it.
   * True: another W holds from now on.
   */
  answered(toldMs: number | undefined): boolean {
    const { workerTimeoutMs } = this.#times
    return this.#take(toldMs ?? Math.min(workerTimeoutMs, this.#own.workerTimeoutMs))
  }

  #take(workerTimeoutMs: number): boolean {
    if (workerTimeoutMs === this.#times.workerTimeoutMs) return false
    const isOwn = workerTimeoutMs === this.#own.workerTimeoutMs
    Object.assign(this.#times, isOwn ? this.#own : timesOfTimeout(workerTimeoutMs))
    return true
  }
}
