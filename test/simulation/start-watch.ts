import type { CoreMessage } from '../../actors/worker/worker-events.js'
import type { WatchedWorker } from './sim-world.js'
import type { Fail } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/** A back-off is at least 1 s, by the clock of a Master that drifts from ours. */
const WINDOW_MS = 950
/** A Worker that has been up for this long is in the cluster state. */
const KNOWN_MS = 10_000

/**
 * L1 if Workers cannot start their work: no Master floods them with launches, and no application ends while a
 * good Worker is left.
 */
export class StartWatch {
  readonly #world: WatchedWorld
  readonly #fail: Fail
  /** Times of the latest launches, by `LEADER SUBJECT WORKER`. */
  readonly #launches = new Map<string, { readonly id: number; readonly atMs: number }[]>()
  /** `APP WORKER`: an executor of the application has failed there. */
  readonly #failed = new Set<string>()

  constructor(world: WatchedWorld, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  /**
   * At most what it has room for, and the same again for what was launched before the first of them failed.
   */
  launched(worker: WatchedWorker, from: string, message: CoreMessage): void {
    if (message.type !== 'LaunchExecutor' && message.type !== 'LaunchDriver') return
    const { nowMs } = this.#world.timeline
    const [subject, id, most] =
      message.type === 'LaunchDriver'
        ? [message.driverId, message.generation, 2]
        : [message.appId, message.execId, 2 * worker.offer.cores]
    const key = `${from} ${subject} ${worker.incarnation}`
    const recent = (this.#launches.get(key) ?? []).filter(({ atMs }) => nowMs - atMs < WINDOW_MS)
    if (!recent.some((launch) => launch.id === id)) recent.push({ id, atMs: nowMs })
    this.#launches.set(key, recent)
    const isUnrecoverable =
      worker.isStopping || (this.#world.bad.get(worker.place.name)?.sinceMs ?? nowMs) < nowMs - WINDOW_MS
    if (isUnrecoverable && recent.length > most)
      this.#fail(
        'storm',
        `${from} launched ${subject} ${recent.length} times within a second on ${worker.incarnation}`,
      )
  }

  executorFailed(appId: string, workerId: string): void {
    this.#failed.add(`${appId} ${workerId}`)
  }

  /** The Master ended it, because its executors do not start. */
  applicationFailed(appId: string): void {
    const { workers, disturbed, timeline } = this.#world
    if (disturbed) return
    for (const { name, process } of workers) {
      if (!process?.place.alive || process.isStopping || process.place.awakeMs < KNOWN_MS) continue
      if (process.startedAtMs > timeline.nowMs - KNOWN_MS) continue
      if (!this.#failed.has(`${appId} ${process.incarnation}`))
        this.#fail('L1', `${appId} ended FAILED, and none of its executors had failed on ${name}`)
    }
  }
}
