import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import type { Asks } from './asks.js'
import type { Cell } from './cell.js'
import type { Envelope, ReplyAddress, Sink } from './envelope.js'
import type { Destination, Letter } from './letter.js'
import { localPart } from './names.js'
import type { Message } from './ref.js'
import type { Relay } from './relay.js'
import type { Failure } from './system-messages.js'

interface Unanswered {
  readonly letter: Letter
  readonly cell: Cell
  readonly untilMs: number
}

const firstPurge = 1024

/** The questions that actors of this process have taken in hand and not answered yet. */
export class Replies {
  readonly #open = new Map<number, Unanswered>()
  readonly #relay: Relay
  readonly #asks: Asks
  readonly #clock: Clock
  readonly #linkTo: (sink: Sink, path: string) => Destination
  /** Links that have ended: what they asked may still lie in mailboxes, and nobody would hear the answer. */
  readonly #gone = new WeakSet<Sink>()
  /** How many of these each link has asked. */
  readonly #openOf = new WeakMap<Sink, number>()
  #token = 0
  #purgeAt = firstPurge

  constructor(relay: Relay, asks: Asks, clock: Clock, linkTo: (sink: Sink, path: string) => Destination) {
    this.#relay = relay
    this.#asks = asks
    this.#clock = clock
    this.#linkTo = linkTo
  }

  get size(): number {
    return this.#open.size
  }

  /** False: its asker, another process, has as many open as it may have. */
  open(letter: Letter, cell: Cell): boolean {
    const { sink, askMs } = letter
    if (sink === undefined) {
      this.#keep(letter, cell, askMs ?? Number.POSITIVE_INFINITY)
      return true
    }
    if (this.#gone.has(sink)) return true
    if ((this.#openOf.get(sink) ?? 0) >= limits.openQuestions) {
      this.#purge()
      if ((this.#openOf.get(sink) ?? 0) >= limits.openQuestions) return false
    }
    this.#openOf.set(sink, (this.#openOf.get(sink) ?? 0) + 1)
    this.#keep(letter, cell, Math.min(askMs ?? limits.questionKeepMs, limits.questionKeepMs))
    return true
  }

  #keep(letter: Letter, cell: Cell, forMs: number): void {
    letter.token = ++this.#token
    // Of what came over a link only what an answer needs: a peer must not make us keep what it sent.
    const kept = letter.sink === undefined ? letter : { ...letter, message: { type: letter.message.type } }
    this.#open.set(letter.token, { letter: kept, cell, untilMs: this.#clock.monotonicMs() + forMs })
    cell.unanswered.add(letter.token)
    if (this.#open.size > this.#purgeAt) this.#purge()
  }

  addressOf(envelope: Envelope): ReplyAddress | undefined {
    const { ask, from, sink, token } = envelope as Letter
    return ask === undefined ? undefined : { ask, from, sink, token }
  }

  /** The first answer wins. False: there is no such question any more. */
  answer(token: number, message: Message): boolean {
    const question = this.#open.get(token)
    if (question === undefined) return false
    this.#drop(token, question)
    return this.#send(question.letter, message)
  }

  /** Answers what no actor has in hand. */
  refuse(letter: Letter, failure: Failure): void {
    this.#send(letter, failure)
  }

  /** The actor's incarnation has ended: nobody will answer these. */
  failAll(cell: Cell, failure: Failure): void {
    for (const token of [...cell.unanswered]) this.answer(token, failure)
  }

  /** The asker of our own process has given up. */
  forget(letter: Letter): void {
    const question = this.#open.get(letter.token)
    if (question !== undefined) this.#drop(letter.token, question)
  }

  forgetSink(sink: Sink): void {
    this.#gone.add(sink)
    for (const [token, question] of this.#open) if (question.letter.sink === sink) this.#drop(token, question)
  }

  #send(letter: Letter, message: Message): boolean {
    const to = letter.sink === undefined ? this.#asks : this.#linkTo(letter.sink, localPart(letter.from))
    return this.#relay.pass(
      this.#relay.stamp(letter.to, letter.from, message, letter, { answer: letter.ask }),
      to,
    )
  }

  /** Remote askers give up without a word: their questions go when many have gathered. */
  #purge(): void {
    const now = this.#clock.monotonicMs()
    for (const [token, question] of this.#open) if (question.untilMs < now) this.#drop(token, question)
    this.#purgeAt = Math.max(firstPurge, this.#open.size * 2)
  }

  #drop(token: number, question: Unanswered): void {
    this.#open.delete(token)
    const { sink } = question.letter
    if (sink !== undefined) this.#openOf.set(sink, (this.#openOf.get(sink) ?? 1) - 1)
    question.cell.unanswered.delete(token)
  }
}
