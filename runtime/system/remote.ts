import { isFiresteelError } from '../errors.js'
import type { Sink, WireEnvelope } from './envelope.js'
import type { Destination, LocalEnvelope } from './local-envelope.js'
import { localPart } from './names.js'
import type { Relay } from './relay.js'
import { failureOf } from './system-messages.js'
import type { Undelivered } from './undelivered.js'

/** What an actor behind a link needs from the system that sends to it. */
export interface RemoteParts extends Undelivered {
  readonly relay: Relay
}

/** An actor behind a link. */
export class Remote implements Destination {
  readonly sink: Sink
  readonly localPath: string
  readonly #parts: RemoteParts

  constructor(parts: RemoteParts, sink: Sink, path: string) {
    this.#parts = parts
    this.sink = sink
    this.localPath = localPart(path)
  }

  get path(): string {
    return this.sink.path + this.localPath
  }

  accept(envelope: LocalEnvelope): boolean {
    const wire = wireOf(envelope, this.localPath)
    try {
      if (!this.sink.send(wire)) return this.#parts.undeliverable(envelope, 'link', this)
    } catch (error) {
      return this.#unsendable(envelope, error)
    }
    envelope.bytes = wire.bytes
    const { counters, metrics, ring } = this.#parts.relay
    counters.sent++
    metrics.messages.of(envelope.message.type).sent++
    // The size is known only after the sending.
    ring?.sized(envelope)
    return true
  }

  /** Tells the asker or the receiver of the answer why it failed. The sender's turn goes on. */
  #unsendable(envelope: LocalEnvelope, error: unknown): false {
    if (!isFiresteelError(error, 'MESSAGE_TOO_LARGE')) throw error
    const failure = failureOf(error)
    this.#parts.undeliverable(envelope, 'large', this, failure)
    if (envelope.answer !== undefined)
      this.sink.send({ ...wireOf(envelope, this.localPath), message: failure })
    return false
  }
}

function wireOf(envelope: LocalEnvelope, to: string): WireEnvelope & { bytes?: number } {
  const { from, message, id, trace, parent, epoch, seq, ask, askMs, answer, context } = envelope
  return { from: localPart(from), to, message, id, trace, parent, epoch, seq, ask, askMs, answer, context }
}
