import { SingleBar } from 'cli-progress'
import type { Console } from './console.js'

/** A progress bar on a terminal; nothing elsewhere. */
export class Progress {
  readonly #bar: SingleBar | undefined
  #total = 0

  /** `noun`: what is counted, such as `commands`. */
  constructor(io: Console, noun: string) {
    if (!io.interactive) return
    this.#bar = new SingleBar({
      format: `{bar} {value}/{total} ${noun}, {failed} failed, {eta_formatted} left`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 30,
      etaBuffer: 50,
      // Its timer must not keep the process running.
      fps: 10,
    })
  }

  start(total: number): void {
    this.#total = total
    this.#bar?.start(total, 0, { failed: 0 })
  }

  update(done: number, failed: number, total: number): void {
    if (!this.#bar) return
    if (total !== this.#total) {
      this.#total = total
      this.#bar.setTotal(total)
    }
    this.#bar.update(done, { failed })
  }

  /** Runs `write` with the bar hidden, because both use one terminal. */
  async around(write: () => Promise<void>): Promise<void> {
    if (this.#bar) process.stderr.write('\r\u001b[K')
    await write()
  }

  stop(): void {
    this.#bar?.stop()
  }
}
