import { readContext } from '../telemetry/trace-context.js'
import { isWireEnvelope, type Sink, type WireEnvelope } from './envelope.js'
import {
  type Destination,
  type LocalEnvelope,
  type LocalEnvelopeParts,
  localEnvelope,
} from './local-envelope.js'
import { localPart } from './names.js'
import type { Relay } from './relay.js'
import type { Replies } from './replies.js'
import { type Failure, systemPath } from './system-messages.js'
import type { Undelivered } from './undelivered.js'

/** The destinations of messages that come over links. */
export interface InboundParts extends Undelivered {
  /** The address of this system. Each path begins with it. */
  readonly name: string
  readonly relay: Relay
  /** Live actors by local path. */
  readonly cells: ReadonlyMap<string, Destination>
  /** Takes answers. */
  readonly asks: Destination
  /** Takes what another system says to `/system`. */
  readonly watches: Destination
  readonly replies: Replies
}

/** Takes in what comes over links. The peer is authenticated, but its bytes may be malformed. */
export class Inbound {
  readonly #parts: InboundParts

  constructor(parts: InboundParts) {
    this.#parts = parts
  }

  receive(sink: Sink, wire: WireEnvelope, bytes: number | undefined): void {
    const { relay, cells } = this.#parts
    relay.counters.received++
    if (!isWireEnvelope(wire) || typeof wire.message.type !== 'string') {
      relay.dead(this.#unreadable(sink, bytes), 'malformed')
      return
    }
    relay.metrics.messages.of(wire.message.type).received++
    const path = localPart(wire.to)
    const cell = cells.get(path)
    relay.pass(
      this.#envelope(sink, wire, cell?.path ?? this.#parts.name + path, bytes),
      this.#route(wire, path),
    )
  }

  /** Answers a question that was not admitted. */
  refuse(sink: Sink, wire: WireEnvelope, failure: Failure): void {
    const path = localPart(wire.to)
    this.#parts.replies.refuse(this.#envelope(sink, wire, this.#parts.name + path, undefined), failure)
  }

  /** The sender's authority is taken from the link, whatever the sender claims. */
  #envelope(sink: Sink, wire: WireEnvelope, to: string, bytes: number | undefined): LocalEnvelope {
    const { message, id, trace, parent, epoch, seq, ask, askMs, answer, context } = wire
    const parts: LocalEnvelopeParts = { sink, ask, askMs, answer, bytes }
    const from = sink.path + localPart(wire.from)
    const valid = context === undefined ? undefined : readContext(context)
    return localEnvelope(from, to, message, id, trace, parent, epoch, seq, parts, valid)
  }

  /**
   * The content may be anything. The log of dead letters gets the sender and an empty message, which it can
   * print.
   */
  #unreadable(sink: Sink, bytes: number | undefined): LocalEnvelope {
    const { name } = this.#parts
    const message = { type: 'Malformed' }
    return localEnvelope(sink.path, name, message, 0, 0, undefined, 0, undefined, { sink, bytes }, undefined)
  }

  #route(wire: WireEnvelope, path: string): Destination {
    const { asks, cells, watches } = this.#parts
    if (wire.answer !== undefined) return asks
    if (path === systemPath) return watches
    // Only this system may tell an actor that another one has ended.
    const cell = wire.message.type === 'Terminated' ? undefined : cells.get(path)
    return cell ?? this.#nowhere
  }

  readonly #nowhere: Destination = {
    path: '/',
    accept: (envelope) => this.#parts.undeliverable(envelope, 'unknown', this.#nowhere),
  }
}
