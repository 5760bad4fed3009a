import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import type { TimerSource } from '../timers.js'
import { Shares } from './shares.js'

export interface QuestionQueueLimits {
  readonly questionsServed: number
  readonly questionServeMs: number
  readonly questionWindowMs: number
  readonly questionsWaitingEach: number
  readonly questionsWaiting: number
  readonly questionWaitingBytes: number
}

export interface QuestionQueueOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: TimerSource
  readonly limits?: QuestionQueueLimits
}

/** One of the two is called, once; neither, if its asker is forgotten. */
export interface CostlyQuestion {
  readonly serve: () => void
  /** It is not served: too much waits. */
  readonly refuse: () => void
  /** Its size on the link, if that is known. It is kept while it waits. */
  readonly bytes?: number | undefined
}

/**
 * Serves questions whose answers are large or costly. It serves a few in each window of time and lets the
 * askers take turns. So neither many questions over one link nor many askers keep the actor from its other
 * work. When as many wait as may, a question takes the place of the newest one of the asker with the most, if
 * its own asker has fewer. An asker with none always gets in, so there may be one for each asker beyond that.
 */
export class QuestionQueue {
  readonly #options: QuestionQueueOptions
  readonly #limits: QuestionQueueLimits
  /** The askers that wait, the next one first. */
  readonly #waiting = new Map<string, CostlyQuestion[]>()
  readonly #shares = new Shares<string>()
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

  ask(asker: string, question: CostlyQuestion): void {
    if (this.#size === 0 && this.#mayServe) this.#serve(question)
    else if (this.#makePlace(asker, question)) this.#wait(asker, question)
    else question.refuse()
  }

  /** Nobody would receive the answers any more. */
  forget(asker: string): void {
    const count = this.#waiting.get(asker)?.length ?? 0
    this.#waiting.delete(asker)
    this.#count(asker, -count)
  }

  get #mayServe(): boolean {
    return this.#served < this.#limits.questionsServed && this.#spentMs < this.#limits.questionServeMs
  }

  #serve({ serve }: CostlyQuestion): void {
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

  /** False: there is none for this question. */
  #makePlace(asker: string, { bytes = 0 }: CostlyQuestion): boolean {
    const { questionsWaitingEach, questionsWaiting, questionWaitingBytes } = this.#limits
    const own = this.#shares.of(asker)
    if (own >= questionsWaitingEach || bytes > questionWaitingBytes) return false
    if (this.#size < questionsWaiting) return true
    const { greatest } = this.#shares
    if (greatest === undefined || greatest.count <= own + 1) return own === 0
    const displaced = this.#waiting.get(greatest.holder)?.pop()
    this.#count(greatest.holder, -1)
    displaced?.refuse()
    return true
  }

  #wait(asker: string, question: CostlyQuestion): void {
    const before = this.#waiting.get(asker)
    if (before === undefined) this.#waiting.set(asker, [question])
    else before.push(question)
    this.#count(asker, 1)
  }

  #next(): CostlyQuestion {
    const [asker, questions] = this.#waiting.entries().next().value as [string, CostlyQuestion[]]
    const question = questions.shift() as CostlyQuestion
    this.#count(asker, -1)
    // The asker goes to the end of the queue, behind all others that wait.
    this.#waiting.delete(asker)
    if (questions.length > 0) this.#waiting.set(asker, questions)
    return question
  }

  #count(asker: string, change: number): void {
    this.#size += change
    this.#shares.add(asker, change)
  }
}
