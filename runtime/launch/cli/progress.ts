import { innerLimits } from '../../inner-limits.js'
import type { Console } from './console.js'
import { StatusLine } from './status-line.js'

export interface ProgressOptions {
  /** Show a bar also where standard error is no terminal. */
  readonly bar?: true
  /** Show numbers and no bar. */
  readonly eta?: true
}

export interface Counts {
  readonly done: number
  readonly failed: number
  readonly total: number
}

const { progressBarChars: BAR_CHARS } = innerLimits

/** `12 of 40 commands, 1 failed, 30 s left`. */
export function etaText({ done, failed, total }: Counts, noun: string, passedMs: number): string {
  const leftS = done === 0 ? undefined : Math.ceil(((passedMs / done) * (total - done)) / 1000)
  const left = leftS === undefined ? '' : `, ${leftS} s left`
  return `${done} of ${total} ${noun}, ${failed} failed${left}`
}

/** `=====-----` before the same numbers. */
export function barText(counts: Counts, noun: string, passedMs: number): string {
  const share = counts.total === 0 ? 0 : counts.done / counts.total
  return `${'='.repeat(Math.floor(share * BAR_CHARS)).padEnd(BAR_CHARS, '-')} ${etaText(counts, noun, passedMs)}`
}

/**
 * How far a command is: one line at the bottom of a terminal. Elsewhere nothing, or a line once a second if
 * it was asked for.
 */
export class Progress {
  readonly out: Console['out']
  readonly err: Console['err']
  readonly #io: Console
  readonly #noun: string
  readonly #line: StatusLine | undefined
  readonly #options: ProgressOptions
  #timer: NodeJS.Timeout | undefined
  #beganMs = 0
  #counts: Counts = { done: 0, failed: 0, total: 0 }

  /** `noun`: what is counted, such as `commands`. */
  constructor(io: Console, noun: string, options: ProgressOptions = {}) {
    this.#io = io
    this.#noun = noun
    this.#options = options
    this.#line = io.interactive ? new StatusLine(io, () => process.stderr.columns) : undefined
    // What is printed meanwhile goes above the line.
    this.out = this.#line?.out ?? io.out
    this.err = this.#line?.err ?? io.err
  }

  get #text(): string {
    const text = this.#options.eta ? etaText : barText
    return text(this.#counts, this.#noun, performance.now() - this.#beganMs)
  }

  get #isAsked(): boolean {
    return this.#options.bar === true || this.#options.eta === true
  }

  start(total: number): void {
    this.#beganMs = performance.now()
    this.#counts = { ...this.#counts, total }
    if (this.#line === undefined && !this.#isAsked) return
    const everyMs = this.#line === undefined ? innerLimits.progressLineMs : innerLimits.progressDrawMs
    void this.#show()
    this.#timer = setInterval(() => void this.#show(), everyMs).unref()
  }

  update(counts: Counts): void {
    this.#counts = counts
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#timer === undefined) return
    this.#timer = undefined
    if (this.#line === undefined) await this.#show()
    else await this.#line.hide()
  }

  async #show(): Promise<void> {
    if (this.#line === undefined) await this.#io.err(`${this.#text}\n`)
    else await this.#line.show(this.#text)
  }
}
