import { Worker } from 'node:worker_threads'

export interface WatchdogOptions {
  readonly seed: number
  /** Names of the parts, by number. */
  readonly parts: readonly string[]
  /** An input (or those that run with it) that takes longer hangs. Generous: the machine may be busy. */
  readonly hangMs: number
  /** Where the thread notes how far the process has come, for whoever finds it dead. */
  readonly progressFile: string
}

/** Shared with the thread: part, first index, how many at once, whether they run. */
const WORDS = 4

/** A thread that ends this process when an input does not end: nobody else could. */
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
