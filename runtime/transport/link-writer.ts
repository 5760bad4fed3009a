import type { Socket } from 'node:net'
import { limits } from '../limits.js'
import { EnvelopeBatch } from './envelope-batch.js'
import { encodeFrame, frameKind } from './frame.js'
import { PayloadQueue } from './payload-queue.js'

export interface LinkWriterEvents {
  /** A send queue that was full accepts more again. */
  drain(): void
  /** A sender went on although its send queue was full. The link must end. */
  overflow(detail: string): void
}

/** The handle that Node's own socket time-out uses. */
interface StreamHandle {
  /** Bytes given to libuv so far, and of those the bytes that it still holds. */
  readonly bytesWritten: number
  readonly writeQueueSize: number
}

const NOTHING = new Uint8Array(0)
const PING = encodeFrame(frameKind.ping, NOTHING)
const PONG = encodeFrame(frameKind.pong, NOTHING)
const HARD_CAP_BYTES = limits.linkHighWaterBytes * limits.linkOverflowFactor
const LOW_WATER_BYTES = limits.linkHighWaterBytes / 2

/**
 * The sending half of a link: two send queues over one socket. What is sent in one turn of the event loop
 * leaves together. Control frames go to the socket at once. Payload waits in a send queue of its own and has
 * at most `payloadWindowBytes` in the socket, so that a large result never delays a heartbeat. Both send
 * queues tell their senders to stop, and neither grows without bound.
 */
export class LinkWriter {
  readonly #socket: Socket
  readonly #events: LinkWriterEvents
  readonly #batch: EnvelopeBatch
  readonly #payloads = new PayloadQueue()
  /** Bytes of the envelope sent last. */
  lastEnvelopeBytes = 0
  #waitingAtSend = 0
  #payloadInSocketBytes = 0
  #pongDue = false
  #scheduled: NodeJS.Immediate | undefined
  #envelopesBlocked = false
  #payloadsBlocked = false
  #stopped = false

  /** `messageBytes` is the most that one envelope may have. */
  constructor(socket: Socket, messageBytes: number, events: LinkWriterEvents) {
    this.#socket = socket
    this.#batch = new EnvelopeBatch(messageBytes)
    this.#events = events
  }

  /** Bytes of envelopes that waited when the last one was sent, that one included. */
  get waitingAtSend(): number {
    return this.#waitingAtSend
  }

  /** True if the peer has not accepted what was sent to it. A peer that wants more must wait. */
  get isBlocked(): boolean {
    return this.#envelopesBlocked
  }

  /**
   * Bytes that the kernel has accepted so far. It includes the finished part of a large write that is under
   * way.
   */
  get taken(): number {
    const { _handle } = this.#socket as Socket & { readonly _handle?: Partial<StreamHandle> | null }
    return (_handle?.bytesWritten ?? 0) - (_handle?.writeQueueSize ?? 0)
  }

  /** Bytes accepted here that the kernel has not accepted yet. */
  get bufferedBytes(): number {
    return this.#controlBytes + this.#payloadBytes
  }

  /** False: accepted, but stop until `drain`. Throws MESSAGE_TOO_LARGE; then the envelope is not sent. */
  send(envelope: object): boolean {
    const before = this.#controlBytes
    this.lastEnvelopeBytes = this.#batch.add(envelope)
    if (this.#batch.bytes >= limits.linkBatchBytes) this.#writeControl()
    else this.#schedule()
    const after = this.#controlBytes
    this.#waitingAtSend = after
    if (after <= limits.linkHighWaterBytes) return true
    this.#envelopesBlocked = true
    if (after > HARD_CAP_BYTES && before > limits.linkHighWaterBytes) {
      this.#events.overflow(`${after} bytes of envelopes wait for the peer`)
    }
    return false
  }

  /** False: accepted, but stop until `drain`. The parts must stay unchanged until they have left. */
  sendPayload(parts: readonly Uint8Array[]): boolean {
    this.#payloads.push(parts)
    this.#schedule()
    const after = this.#payloadBytes
    if (after <= limits.linkHighWaterBytes) return true
    this.#payloadsBlocked = true
    if (after > HARD_CAP_BYTES) this.#events.overflow(`${after} bytes of payload wait for the peer`)
    return false
  }

  ping(): void {
    if (this.#stopped || this.#controlBytes > limits.linkHighWaterBytes) return
    this.#socket.write(PING)
  }

  /** One pong answers all pings of a turn, so that a peer that sends only pings cannot fill our memory. */
  pong(): void {
    this.#pongDue = true
    this.#schedule()
  }

  /** Writes the envelopes that were sent, drops the payload that waits, and accepts nothing more. */
  finish(): void {
    if (this.#stopped) return
    this.#writeControl()
    this.stop()
  }

  stop(): void {
    this.#stopped = true
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled)
    this.#payloads.clear()
  }

  get #controlBytes(): number {
    // The socket subtracts written bytes before it calls back, so the difference may be negative.
    const inSocketBytes = Math.max(0, this.#socket.writableLength - this.#payloadInSocketBytes)
    return this.#batch.bytes + inSocketBytes
  }

  get #payloadBytes(): number {
    return this.#payloads.bytes + this.#payloadInSocketBytes
  }

  #schedule(): void {
    if (this.#scheduled !== undefined || this.#stopped) return
    // Not a microtask: each message handled in one turn would flush its own answer.
    this.#scheduled = setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = undefined
    this.#socket.cork()
    this.#writeControl()
    this.#writePayloads()
    this.#socket.uncork()
    this.#tellDrained()
  }

  #writeControl(): void {
    if (this.#pongDue && this.#controlBytes <= limits.linkHighWaterBytes) this.#socket.write(PONG)
    this.#pongDue = false
    for (const frame of this.#batch.take()) this.#socket.write(frame, this.#controlWritten)
  }

  #writePayloads(): void {
    while (this.#payloadInSocketBytes < limits.payloadWindowBytes) {
      const item = this.#payloads.take()
      if (item === undefined) return
      this.#payloadInSocketBytes += item.bytes
      const last = item.buffers.length - 1
      for (let index = 0; index < last; index++) this.#socket.write(item.buffers[index] as Uint8Array)
      this.#socket.write(item.buffers[last] as Uint8Array, () => this.#payloadWritten(item.bytes))
    }
  }

  readonly #controlWritten = (): void => {
    if (this.#envelopesBlocked) this.#schedule()
  }

  #payloadWritten(bytes: number): void {
    this.#payloadInSocketBytes -= bytes
    // In the next turn, not here: a fast reader would otherwise delay our timers and reads.
    if (this.#payloads.bytes > 0 || this.#payloadsBlocked) this.#schedule()
  }

  #tellDrained(): void {
    if (this.#stopped) return
    const envelopesFree = this.#envelopesBlocked && this.#controlBytes <= LOW_WATER_BYTES
    const payloadsFree = this.#payloadsBlocked && this.#payloadBytes <= LOW_WATER_BYTES
    if (envelopesFree) this.#envelopesBlocked = false
    if (payloadsFree) this.#payloadsBlocked = false
    if (envelopesFree || payloadsFree) this.#events.drain()
  }
}
