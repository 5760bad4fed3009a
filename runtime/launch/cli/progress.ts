import { SingleBar } from 'cli-progress'
import { innerLimits } from '../../inner-limits.js'
import type { Console } from './console.js'

export interface ProgressOptions {
  /** Draw the bar also where standard error is no terminal. */
  readonly bar?: true
  /** Print a line once a second instead. */
  readonly eta?: true
}

/** A progress bar on a terminal; elsewhere nothing, unless it was asked for. */
export class Progress {
  readonly #bar: SingleBar | undefined
  readonly #lines: EtaLines | undefined
  readonly #isTerminal: boolean
  #total = 0

  /** `noun`: what is counted, such as `commands`. */
  constructor(io: Console, noun: string, { bar, eta }: ProgressOptions = {}) {
    this.#isTerminal = io.interactive
    if (eta) this.#lines = new EtaLines(io, noun)
    else if (io.interactive || bar) {
      this.#bar = new SingleBar({
        format: `{bar} {value}/{total} ${noun}, {failed} failed, {eta_formatted} left`,
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        noTTYOutput: !io.interactive,
        notTTYSchedule: innerLimits.progressLineMs,
        barsize: 30,
        etaBuffer: 50,
        // Its timer must not keep the process running.
        fps: 10,
      })
    }
  }

  start(total: number): void {
    this.#total = total
    this.#bar?.start(total, 0, { failed: 0 })
    this.#lines?.start(total)
  }

  update(done: number, failed: number, total: number): void {
    this.#lines?.update({ done, failed, total })
    if (!this.#bar) return
    if (total !== this.#total) {
      this.#total = total
      this.#bar.setTotal(total)
    }
    this.#bar.update(done, { failed })
  }

  /** Runs `write` with the bar hidden, because both use one terminal. */
  async around(write: () => Promise<void>): Promise<void> {
    if (this.#bar && this.#isTerminal) process.stderr.write('\r\u001b[K')
    await write()
  }

  stop(): void {
    this.#bar?.stop()
    this.#lines?.stop()
  }
}

interface Counts {
  readonly done: number
  readonly failed: number
  readonly total: number
}

/** `12 of 40 commands, 1 failed, 30 s left`. */
export function etaText({ done, failed, total }: Counts, noun: string, passedMs: number): string {
  const leftS = done === 0 ? undefined : Math.ceil(((passedMs / done) * (total - done)) / 1000)
  const left = leftS === undefined ? '' : `, ${leftS} s left`
  return `${done} of ${total} ${noun}, ${failed} failed${left}`
}

class EtaLines {
  readonly #io: Console
  readonly #noun: string
  #timer: NodeJS.Timeout | undefined
  #counts: Counts = { done: 0, failed: 0, total: 0 }

  constructor(io: Console, noun: string) {
    this.#io = io
    this.#noun = noun
  }

  start(total: number): void {
    const beganMs = performance.now()
    this.#counts = { ...this.#counts, total }
    this.#timer = setInterval(() => {
      void this.#io.err(`${etaText(this.#counts, this.#noun, performance.now() - beganMs)}\n`)
    }, innerLimits.progressLineMs).unref()
  }

  update(counts: Counts): void {
    this.#counts = counts
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
