import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import type { AskOptions } from './behavior.js'
import type { Cell } from './cell.js'
import type { Envelope, Sink } from './envelope.js'
import type { Destination, Letter } from './letter.js'
import type { Message } from './ref.js'
import type { Relay } from './relay.js'
import { errorOf, isFailure, systemPath } from './system-messages.js'
import type { Cancel, TimerSource } from './timers.js'

interface Pending {
  readonly letter: Letter
  readonly sink: Sink | undefined
  readonly asker: Cell | undefined
  readonly resolve: (message: Message) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

export interface Question {
  readonly to: Destination
  /** The link it goes over, if it does. */
  readonly sink: Sink | undefined
  readonly message: Message
  readonly asker: Cell | undefined
  readonly cause: Envelope | undefined
}

/** The questions of this process that wait for their answer; where all answers arrive. */
export class Asks implements Destination {
  path = systemPath
  readonly #pending = new Map<string, Pending>()
  readonly #relay: Relay
  readonly #timers: TimerSource
  /** Hears of a local question that its asker has given up. */
  readonly #abandon: (letter: Letter) => void
  #last = 0

  constructor(relay: Relay, timers: TimerSource, abandon: (letter: Letter) => void) {
    this.#relay = relay
    this.#timers = timers
    this.#abandon = abandon
  }

  get size(): number {
    return this.#pending.size
  }

  ask<R extends Message>(question: Question, options: AskOptions = {}): Promise<R> {
    const { timeoutMs = limits.askMs, signal } = options
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<R>((resolve, reject) => {
      const { to, sink, message, asker, cause } = question
      const id = String(++this.#last)
      // A wait without end is told as none: JSON has no infinity.
      const parts = { ask: id, askMs: Number.isFinite(timeoutMs) ? timeoutMs : undefined }
      const letter = this.#relay.stamp(asker?.path ?? this.path, to.path, message, cause, parts)
      const release = this.#giveUpOn(id, letter, timeoutMs, signal)
      // What answers is what the asker's types say, as at every door.
      const settle = resolve as (message: Message) => void
      this.#pending.set(id, { letter, sink, asker, resolve: settle, reject, release })
      try {
        this.#relay.pass(letter, to)
      } catch (error) {
        this.#fail(id, error)
      }
    })
  }

  /** An answer. From a link it counts only if the question went over that link. */
  accept(letter: Letter): boolean {
    const id = letter.answer ?? ''
    const pending = this.#pending.get(id)
    if (pending === undefined || (letter.sink !== undefined && letter.sink !== pending.sink)) {
      this.#relay.dead(letter, 'late')
      return false
    }
    if (isFailure(letter.message)) this.#fail(id, errorOf(letter.message))
    else {
      this.#take(id)
      pending.resolve(letter.message)
    }
    return true
  }

  disconnect(sink: Sink): void {
    this.#failWhere(
      (pending) => pending.sink === sink,
      ({ letter }) => new FiresteelError('LINK_CLOSED', `the link to ${letter.to} closed before it answered`),
    )
  }

  /** The asker has ended: its continuation must not wait out the deadline. */
  stopped(asker: Cell): void {
    this.#failWhere(
      (pending) => pending.asker === asker,
      () => new FiresteelError('ACTOR_STOPPED', `${asker.path} stopped before its answer came`),
    )
  }

  close(): void {
    this.#failWhere(
      () => true,
      () => new FiresteelError('ACTOR_STOPPED', 'the actor system was shut down'),
    )
  }

  #giveUpOn(id: string, letter: Letter, timeoutMs: number, signal: AbortSignal | undefined): Cancel {
    const giveUp = (error: unknown) => {
      this.#fail(id, error)
      this.#abandon(letter)
    }
    const onAbort = () => giveUp(signal?.reason)
    const cancel = this.#timers.after(timeoutMs, () => {
      const text = `${letter.to} did not answer ${letter.message.type} within ${timeoutMs} ms`
      giveUp(new FiresteelError('ASK_TIMEOUT', text))
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    return () => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #failWhere(condition: (pending: Pending) => boolean, error: (pending: Pending) => FiresteelError): void {
    for (const [id, pending] of [...this.#pending]) {
      if (!condition(pending)) continue
      this.#fail(id, error(pending))
      this.#abandon(pending.letter)
    }
  }

  #fail(id: string, error: unknown): void {
    this.#take(id)?.reject(error)
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.release()
    return pending
  }
}
