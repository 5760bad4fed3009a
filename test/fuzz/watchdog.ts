import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface WatchdogOptions {
  readonly seed: number
  /** Names of the parts, by number. */
  readonly parts: readonly string[]
  /**
   * An input (or the group that runs with it) that takes longer than this hangs. It is generous, for a busy
   * machine.
   */
  readonly hangMs: number
  /** The thread notes here how far the process has come, in case the process dies. */
  readonly progressFile: string
}

/** Shared with the thread: part, first index, how many at once, whether they run. */
const WORDS = 4

/** A thread that ends this process if an input does not end. Only a thread can do that. */
export class Watchdog {
  /** The thread has loaded its files, so that none of its descriptors comes or goes any more. */
  readonly ready: Promise<unknown>
  readonly #words = new Int32Array(new SharedArrayBuffer(WORDS * 4))

  constructor(options: WatchdogOptions) {
    const workerData = { ...options, words: this.#words }
    const thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData })
    this.ready = once(thread, 'message')
    void this.ready.then(() => thread.unref())
  }

  running(part: number, index: number, count: number): void {
    const words = this.#words
    words[0] = part
    words[1] = index
    words[2] = count
    words[3] = 1
  }

  idle(): void {
    this.#words[3] = 0
  }
}
