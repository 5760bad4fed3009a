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
  readonly #words = new Int32Array(new SharedArrayBuffer(WORDS * 4))

  constructor(options: WatchdogOptions) {
    const workerData = { ...options, words: this.#words }
    new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData }).unref()
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
