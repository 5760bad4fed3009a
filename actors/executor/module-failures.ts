import { limits } from '../../runtime/limits.js'

interface Failing {
  /** Failures in a row. Each thread was started after the import in the one before had failed. */
  count: number
  atMs: number
  body: Uint8Array
}

/**
 * Modules that could not be imported in this executor lately. Node remembers a failed import as long as the
 * thread lives, so each try takes a new thread. The first failure is tried again at once, because its cause
 * may be momentary. After that there is one try per `moduleRetryMs`; tasks in between are refused with the
 * last error.
 */
export class ModuleFailures {
  readonly #failing = new Map<string, Failing>()

  /** Notes a failed import. True: try it in another thread at once. */
  failed(url: string, body: Uint8Array, threadStartedMs: number, nowMs: number): boolean {
    const known = this.#failing.get(url)
    if (known === undefined) {
      this.#failing.set(url, { count: 1, atMs: nowMs, body })
      return true
    }
    // A thread that was started before the last failure is no new try.
    if (threadStartedMs > known.atMs) {
      known.count++
      known.atMs = nowMs
    }
    known.body = body
    return known.count === 1
  }

  /** The error of the last try; undefined: a try may be made now. */
  refusal(url: string, nowMs: number): Uint8Array | undefined {
    const known = this.#failing.get(url)
    if (known === undefined || known.count === 1 || nowMs - known.atMs >= limits.moduleRetryMs)
      return undefined
    return known.body
  }

  loaded(url: string): void {
    if (this.#failing.size > 0) this.#failing.delete(url)
  }
}
