import { limits } from '../limits.js'
import type { Envelope } from '../system/envelope.js'

/** One message, as `trace` prints it (surface, section 3), and its `id`, which `parent` refers to. */
export interface TraceEntry {
  /** Wall clock, epoch milliseconds; one reading per batch of its sender. */
  readonly at: number
  readonly id: number
  readonly trace: number
  readonly parent?: number
  readonly from: string
  readonly to: string
  /** Type of the message. */
  readonly message: string
  readonly epoch: number
  readonly bytes?: number
  readonly tookUs?: number
}

/**
 * The newest messages that passed a relay. Recording keeps two references and builds nothing; what is shown is
 * made when somebody looks.
 */
export class TraceRing {
  readonly size: number
  readonly #envelopes: (Envelope | undefined)[]
  readonly #at: Float64Array
  #next = 0
  #full = false

  constructor(size: number = limits.traceRing) {
    this.size = Math.max(1, size)
    this.#envelopes = new Array(this.size).fill(undefined)
    this.#at = new Float64Array(this.size)
  }

  record(envelope: Envelope, atMs: number): void {
    const slot = this.#next
    this.#envelopes[slot] = envelope
    this.#at[slot] = atMs
    if (slot + 1 < this.size) this.#next = slot + 1
    else {
      this.#next = 0
      this.#full = true
    }
  }

  /** Oldest first; `keep` sees the envelope, with its payload, before anything is made of it. */
  snapshot(keep: (envelope: Envelope, atMs: number) => boolean = () => true): TraceEntry[] {
    const entries: TraceEntry[] = []
    for (const slot of this.#slots()) {
      const envelope = this.#envelopes[slot] as Envelope
      const at = this.#at[slot] as number
      if (keep(envelope, at)) entries.push(entryOf(envelope, at))
    }
    return entries
  }

  *#slots(): Generator<number> {
    if (this.#full) for (let slot = this.#next; slot < this.size; slot++) yield slot
    for (let slot = 0; slot < this.#next; slot++) yield slot
  }
}

function entryOf(envelope: Envelope, at: number): TraceEntry {
  const { id, trace, parent, from, to, message, epoch, bytes, tookUs } = envelope
  return {
    at,
    id,
    trace,
    ...(parent !== undefined && { parent }),
    from,
    to,
    message: message.type,
    epoch,
    ...(bytes !== undefined && { bytes }),
    ...(tookUs !== undefined && { tookUs }),
  }
}
