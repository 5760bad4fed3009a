import { isFiresteelError } from '../errors.js'
import type { Sink, WireEnvelope } from './envelope.js'
import type { Kernel } from './kernel.js'
import type { Destination, Letter } from './letter.js'
import { localPart } from './names.js'
import { failureOf } from './system-messages.js'

/** An actor behind a link. */
export class Remote implements Destination {
  readonly sink: Sink
  readonly localPath: string
  readonly #kernel: Kernel

  constructor(kernel: Kernel, sink: Sink, path: string) {
    this.#kernel = kernel
    this.sink = sink
    this.localPath = localPart(path)
  }

  get path(): string {
    return this.sink.path + this.localPath
  }

  accept(letter: Letter): boolean {
    const wire = wireOf(letter, this.localPath)
    try {
      if (!this.sink.send(wire)) return this.#kernel.undeliverable(letter, 'link', this)
    } catch (error) {
      return this.#unsendable(letter, error)
    }
    letter.bytes = wire.bytes
    const { counters, ring } = this.#kernel.relay
    counters.sent++
    // Its size is known only now.
    ring?.sized(letter)
    return true
  }

  /** Whoever waits for it, or for its answer, hears why; the sender's turn goes on. */
  #unsendable(letter: Letter, error: unknown): false {
    if (!isFiresteelError(error, 'MESSAGE_TOO_LARGE')) throw error
    const failure = failureOf(error)
    this.#kernel.undeliverable(letter, 'large', this, failure)
    if (letter.answer !== undefined) this.sink.send({ ...wireOf(letter, this.localPath), message: failure })
    return false
  }
}

function wireOf(letter: Letter, to: string): WireEnvelope & { bytes?: number } {
  const { from, message, id, trace, parent, epoch, seq, ask, askMs, answer } = letter
  return { from: localPart(from), to, message, id, trace, parent, epoch, seq, ask, askMs, answer }
}
