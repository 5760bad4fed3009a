import { innerLimits } from '../../runtime/inner-limits.js'
import type { FromWorker } from '../messages/catalogue.js'
import type { RestartWorker, WorkerRestarts as Told } from '../messages/worker-restart.js'
import type { SavedRestarts } from './restart/saved-worker.js'
import type { Now } from './worker-events.js'

/**
 * What a Worker knows of its announced restarts (protocol 8.6): those behind it, and one that is asked for.
 */
export class RestartCount {
  readonly #former: SavedRestarts | undefined
  /** The last request that it was told of, by this process or the one before. */
  #request: string | undefined
  /** True: this process was told of it, and has not refused. */
  #isAsked = false
  #gapMs: number | undefined
  #announcedAtBootMs: number | undefined

  constructor(former: SavedRestarts | undefined) {
    this.#former = former
    this.#request = former?.request
  }

  /** False: it was told before. */
  asked({ request }: RestartWorker): boolean {
    if (this.#request === request || this.#isAsked) return false
    this.#request = request
    this.#isAsked = true
    return true
  }

  announced({ bootMs }: Now): void {
    this.#announcedAtBootMs ??= bootMs
  }

  /** It goes on as before. The message for the leader; undefined: nobody had asked for it. */
  refused(workerId: string, reason: string): FromWorker | undefined {
    const request = this.#request
    this.#announcedAtBootMs = undefined
    if (!this.#isAsked || request === undefined) return undefined
    this.#isAsked = false
    // The next leader, which does not know of this, may ask once more.
    this.#request = undefined
    const message = reason.slice(0, innerLimits.restartReasonChars)
    return { type: 'WorkerRestartRefused', workerId, request, message }
  }

  /** For the registration of this process; undefined: its Worker has never restarted. */
  told(now: Now): Told | undefined {
    if (!this.#former) return undefined
    const { count, request, announcedAtBootMs } = this.#former
    this.#gapMs ??= Math.max(0, Math.round(now.bootMs - announcedAtBootMs))
    return { count, ...(request !== undefined && { request }), gapMs: this.#gapMs }
  }

  save({ bootMs }: Now): SavedRestarts {
    const request = this.#isAsked ? this.#request : undefined
    return {
      count: (this.#former?.count ?? 0) + 1,
      ...(request !== undefined && { request }),
      announcedAtBootMs: this.#announcedAtBootMs ?? bootMs,
    }
  }
}
