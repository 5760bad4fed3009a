import { limits } from '../../runtime/limits.js'

interface Failing {
  /** Imports that failed one after the other, each in a thread that was started after the one before had failed. */
  count: number
  atMs: number
  body: Uint8Array
}

/**
 * Modules that could not be imported in this executor of late. Node remembers a failed import for as long as its thread
 * lives, so each try takes a thread of its own: the first failure is tried again at once, as its cause may have been
 * a moment's. After that one try is made per `moduleRetryMs`, and what comes meanwhile is refused with the last error.
 */
export class ModuleFailures {
  readonly #failing = new Map<string, Failing>()

  /** True: it is worth another thread at once. */
  failed(url: string, body: Uint8Array, threadStartedMs: number, nowMs: number): boolean {
    const known = this.#failing.get(url)
    if (known === undefined) {
      this.#failing.set(url, { count: 1, atMs: nowMs, body })
      return true
    }
    // A thread that was there already says nothing new.
    if (threadStartedMs > known.atMs) {
      known.count++
      known.atMs = nowMs
    }
    known.body = body
    return known.count === 1
  }

  /** The error of the last try, where none is to be made now. */
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
