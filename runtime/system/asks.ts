import { errorOf, FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import type { Cancel, TimerSource } from '../timers.js'
import type { AskOptions } from './behavior.js'
import type { Cause, Sink } from './envelope.js'
import type { Destination, LocalEnvelope } from './local-envelope.js'
import type { Message } from './ref.js'
import type { Relay } from './relay.js'
import { isFailure, systemPath } from './system-messages.js'

/** An actor that waits for an answer. An asker is identified by its object. */
export interface Asker {
  readonly path: string
}

interface Pending {
  readonly envelope: LocalEnvelope
  readonly sink: Sink | undefined
  readonly asker: Asker | undefined
  readonly resolve: (message: Message) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

export interface Question {
  readonly to: Destination
  /** The link that the question goes over, if any. */
  readonly sink: Sink | undefined
  readonly message: Message
  readonly asker: Asker | undefined
  readonly cause: Cause | undefined
}

/** The questions of this process that wait for their answer. All answers arrive here. */
export class Asks implements Destination {
  path = systemPath
  readonly #pending = new Map<string, Pending>()
  readonly #relay: Relay
  readonly #timers: TimerSource
  /** Called with a local question that its asker has given up. */
  readonly #abandon: (envelope: LocalEnvelope) => void
  #last = 0

  constructor(relay: Relay, timers: TimerSource, abandon: (envelope: LocalEnvelope) => void) {
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
      // JSON has no infinity, so a wait without end is sent as none.
      const parts = { ask: id, askMs: Number.isFinite(timeoutMs) ? timeoutMs : undefined }
      const envelope = this.#relay.stamp(asker?.path ?? this.path, to.path, message, cause, parts)
      const release = this.#giveUpOn(id, envelope, timeoutMs, signal)
      // The type of the answer is the asker's claim. Nothing checks it, as for every link.
      const settle = resolve as (message: Message) => void
      this.#pending.set(id, { envelope, sink, asker, resolve: settle, reject, release })
      try {
        this.#relay.pass(envelope, to)
      } catch (error) {
        this.#fail(id, error)
      }
    })
  }

  /** An answer. From a link it counts only if the question went over that link. */
  accept(envelope: LocalEnvelope): boolean {
    const id = envelope.answer ?? ''
    const pending = this.#pending.get(id)
    if (pending === undefined || (envelope.sink !== undefined && envelope.sink !== pending.sink)) {
      this.#relay.dead(envelope, 'late')
      return false
    }
    if (isFailure(envelope.message)) this.#fail(id, errorOf(envelope.message))
    else {
      this.#take(id)
      pending.resolve(envelope.message)
    }
    return true
  }

  disconnect(sink: Sink): void {
    this.#failWhere(
      (pending) => pending.sink === sink,
      ({ envelope }) =>
        new FiresteelError('LINK_CLOSED', `the link to ${envelope.to} closed before it answered`),
    )
  }

  /** The asker has ended. Its continuation must not wait until the deadline. */
  stopped(asker: Asker): void {
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

  #giveUpOn(id: string, envelope: LocalEnvelope, timeoutMs: number, signal: AbortSignal | undefined): Cancel {
    const giveUp = (error: unknown) => {
      this.#fail(id, error)
      this.#abandon(envelope)
    }
    const onAbort = () => giveUp(signal?.reason)
    const cancel = this.#timers.after(timeoutMs, () => {
      const text = `${envelope.to} did not answer ${envelope.message.type} within ${timeoutMs} ms`
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
      this.#abandon(pending.envelope)
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
