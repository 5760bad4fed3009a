import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import type { TimerSource } from '../timers.js'

export interface QuestionQueueLimits {
  readonly questionsServed: number
  readonly questionServeMs: number
  readonly questionWindowMs: number
  readonly questionsWaitingEach: number
  readonly questionsWaiting: number
}

export interface QuestionQueueOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: TimerSource
  readonly limits?: QuestionQueueLimits
}

/**
 * Serves questions whose answers are large or costly. It serves a few in each window of time and lets the
 * askers take turns. So neither many questions over one link nor many askers keep the actor from its other
 * work.
 */
export class QuestionQueue {
  readonly #options: QuestionQueueOptions
  readonly #limits: QuestionQueueLimits
  /** The askers that wait, the next one first. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #size = 0
  #served = 0
  #spentMs = 0
  #windowOpen = false

  constructor(options: QuestionQueueOptions) {
    this.#options = options
    this.#limits = options.limits ?? limits
  }

  /** Questions that wait. */
  get size(): number {
    return this.#size
  }

  /** False: too many questions wait, of this asker or in all, so this one is not served. */
  ask(asker: string, serve: () => void): boolean {
    if (this.#size === 0 && this.#mayServe) {
      this.#serve(serve)
      return true
    }
    const before = this.#waiting.get(asker) ?? []
    const { questionsWaitingEach, questionsWaiting } = this.#limits
    if (before.length >= questionsWaitingEach || this.#size >= questionsWaiting) return false
    before.push(serve)
    this.#waiting.set(asker, before)
    this.#size++
    return true
  }

  /** Nobody would receive the answers any more. */
  forget(asker: string): void {
    this.#size -= this.#waiting.get(asker)?.length ?? 0
    this.#waiting.delete(asker)
  }

  get #mayServe(): boolean {
    return this.#served < this.#limits.questionsServed && this.#spentMs < this.#limits.questionServeMs
  }

  #serve(serve: () => void): void {
    const { clock, timers } = this.#options
    if (!this.#windowOpen) {
      this.#windowOpen = true
      timers.after(this.#limits.questionWindowMs, () => this.#nextWindow())
    }
    this.#served++
    const startMs = clock.monotonicMs()
    try {
      serve()
    } finally {
      this.#spentMs += clock.monotonicMs() - startMs
    }
  }

  #nextWindow(): void {
    this.#windowOpen = false
    this.#served = 0
    this.#spentMs = 0
    while (this.#size > 0 && this.#mayServe) this.#serve(this.#next())
  }

  #next(): () => void {
    const [asker, questions] = this.#waiting.entries().next().value as [string, (() => void)[]]
    const serve = questions.shift() as () => void
    this.#size--
    // The asker goes to the end of the queue, behind all others that wait.
    this.#waiting.delete(asker)
    if (questions.length > 0) this.#waiting.set(asker, questions)
    return serve
  }
}
