import type { Clock } from '../clock.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import type { Envelope, ReplyAddress, Sink } from './envelope.js'
import type { Destination, LocalEnvelope } from './local-envelope.js'
import { localPart } from './names.js'
import { QuestionBudget } from './question-budget.js'
import type { Message } from './ref.js'
import type { Relay } from './relay.js'
import type { Failure } from './system-messages.js'

/** An actor that has taken questions. */
export interface Answerer {
  /** Tokens of its questions. */
  readonly unanswered: Set<number>
}

interface Unanswered {
  readonly envelope: LocalEnvelope
  readonly answerer: Answerer
  readonly untilMs: number
  /** What it counts for in the budget of questions from links. */
  readonly bytes: number
}

const firstPurge = innerLimits.questionsPurgedFrom
const purgeEveryMs = innerLimits.questionsPurgedEveryMs

/** The questions that actors of this process have taken and not answered yet. */
export class Replies {
  readonly #open = new Map<number, Unanswered>()
  readonly #relay: Relay
  /** Takes the answers for askers in this process. */
  readonly #asks: Destination
  readonly #clock: Clock
  readonly #linkTo: (sink: Sink, path: string) => Destination
  /**
   * Links that have ended. Their questions may still wait in mailboxes, but nobody would receive the answers.
   */
  readonly #gone = new WeakSet<Sink>()
  readonly #budget = new QuestionBudget()
  #token = 0
  #purgeAt: number = firstPurge
  #purgedAtMs = Number.NEGATIVE_INFINITY

  constructor(
    relay: Relay,
    asks: Destination,
    clock: Clock,
    linkTo: (sink: Sink, path: string) => Destination,
  ) {
    this.#relay = relay
    this.#asks = asks
    this.#clock = clock
    this.#linkTo = linkTo
  }

  get size(): number {
    return this.#open.size
  }

  /** False: the asker, another process, already has as many open questions as it may have now. */
  open(envelope: LocalEnvelope, answerer: Answerer): boolean {
    const { sink, askMs } = envelope
    if (sink === undefined) {
      this.#keep(envelope, answerer, askMs ?? Number.POSITIVE_INFINITY, 0)
      return true
    }
    if (this.#gone.has(sink)) return true
    const bytes = this.#budget.bytesOf(envelope)
    const token = this.#token + 1
    if (!this.#budget.take(sink, token, bytes)) {
      // A peer that goes on asking must not make each of its questions a look at all.
      if (this.#clock.monotonicMs() - this.#purgedAtMs < purgeEveryMs) return false
      this.#purge()
      if (!this.#budget.take(sink, token, bytes)) return false
    }
    this.#keep(envelope, answerer, Math.min(askMs ?? limits.questionKeepMs, limits.questionKeepMs), bytes)
    return true
  }

  #keep(envelope: LocalEnvelope, answerer: Answerer, forMs: number, bytes: number): void {
    envelope.token = ++this.#token
    // Of a question from a link only what the answer needs is kept. A peer must not be able to fill our
    // memory.
    const kept =
      envelope.sink === undefined ? envelope : { ...envelope, message: { type: envelope.message.type } }
    const untilMs = this.#clock.monotonicMs() + forMs
    this.#open.set(envelope.token, { envelope: kept, answerer, untilMs, bytes })
    answerer.unanswered.add(envelope.token)
    if (this.#open.size > this.#purgeAt) this.#purge()
  }

  addressOf(envelope: Envelope): ReplyAddress | undefined {
    const { ask, from, sink, token } = envelope as LocalEnvelope
    return ask === undefined ? undefined : { ask, from, sink, token }
  }

  /** The first answer counts. False: the question is no longer open. */
  answer(token: number, message: Message): boolean {
    const question = this.#open.get(token)
    if (question === undefined) return false
    this.#drop(token, question)
    return this.#send(question.envelope, message)
  }

  /** Answers a question that no actor has taken. */
  refuse(envelope: LocalEnvelope, failure: Failure): void {
    this.#send(envelope, failure)
  }

  /** The actor's incarnation has ended, so these questions fail. */
  failAll(answerer: Answerer, failure: Failure): void {
    for (const token of [...answerer.unanswered]) this.answer(token, failure)
  }

  /** An asker of this process has given up. */
  forget(envelope: LocalEnvelope): void {
    const question = this.#open.get(envelope.token)
    if (question !== undefined) this.#drop(envelope.token, question)
  }

  forgetSink(sink: Sink): void {
    this.#gone.add(sink)
    for (const token of [...this.#budget.of(sink)]) {
      const question = this.#open.get(token)
      if (question !== undefined) this.#drop(token, question)
    }
  }

  #send(envelope: LocalEnvelope, message: Message): boolean {
    const to =
      envelope.sink === undefined ? this.#asks : this.#linkTo(envelope.sink, localPart(envelope.from))
    return this.#relay.pass(
      this.#relay.stamp(envelope.to, envelope.from, message, envelope, { answer: envelope.ask }),
      to,
    )
  }

  /** Remote askers give up silently. Their old questions are removed once many have gathered. */
  #purge(): void {
    const now = this.#clock.monotonicMs()
    for (const [token, question] of this.#open) if (question.untilMs < now) this.#drop(token, question)
    this.#purgedAtMs = now
    this.#purgeAt = Math.max(firstPurge, this.#open.size * 2)
  }

  #drop(token: number, question: Unanswered): void {
    this.#open.delete(token)
    const { sink } = question.envelope
    if (sink !== undefined) this.#budget.give(sink, token, question.bytes)
    question.answerer.unanswered.delete(token)
  }
}
