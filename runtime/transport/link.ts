import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.js'
import { reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import { type EnvelopeGroup, EnvelopeReader } from './envelope-reader.js'
import { FRAME_HEADER_BYTES, type Frame, type FrameDecoder, frameKind } from './frame.js'
import { Heartbeat } from './heartbeat.js'
import { type Held, type Holder, heldOf } from './held-bytes.js'
import { type PeerIdentity, plainHost } from './identity.js'
import { type Intake, type IntakeSource, processIntake, type Turn } from './intake.js'
import { endOfError, type LinkEnd } from './link-end.js'
import { LinkWriter } from './link-writer.js'
import { messageBytesOf } from './message-bounds.js'
import type { Timers } from './timers.js'

/** Where a link delivers. Nothing is called from inside a call of yours, and nothing after `closed`. */
export interface LinkReceiver {
  /**
   * How many envelopes it takes now; absent: any number. After 0 the link reads nothing more until `goOn()` is called.
   */
  capacity?(): number
  /** One envelope as it came, not validated, and its bytes. What it throws ends the link as `invalid`. */
  envelope(raw: unknown, bytes: number): void
  /**
   * One payload frame; the buffer may be a view into a larger one, so copy what is kept for long. What it throws ends
   * the link as `invalid`.
   */
  payload(body: Buffer): void
  /** Once. */
  closed(end: LinkEnd): void
  /** Sending may go on after `send` or `sendPayload` gave false. */
  drain(): void
}

/** Something a peer sent that could not be used. */
export interface InvalidReport {
  readonly peer: PeerIdentity
  readonly detail: string
  /** Of this link so far. */
  readonly count: number
}

export interface LinkParts {
  readonly socket: Socket
  /** After the handshake; may already hold what came behind it. */
  readonly decoder: FrameDecoder
  readonly peer: PeerIdentity
  readonly clock: Clock
  readonly timers: Timers
  readonly deadMs: number
  readonly onInvalid?: ((report: InvalidReport) => void) | undefined
  /** Default: those of this process. */
  readonly intake?: Intake | undefined
  readonly held?: Held | undefined
  /**
   * Read nothing from a peer that does not take what it is sent, so that what it asks for stays bounded. One side of a
   * link only, or both could wait for each other.
   */
  readonly readsOnlyTakers?: boolean | undefined
}

/**
 * One authenticated connection between two incarnations (protocol 1). At most once, in order per send queue: envelopes among
 * themselves and payload frames among themselves; envelopes overtake payload. Reads nothing until `setReceiver`.
 */
export class Link implements IntakeSource, Holder {
  readonly peer: PeerIdentity
  /** The address our side has on this connection, without port. */
  readonly localAddress: string
  readonly #socket: Socket
  readonly #decoder: FrameDecoder
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #writer: LinkWriter
  readonly #heartbeat: Heartbeat
  readonly #onInvalid: ((report: InvalidReport) => void) | undefined
  readonly #intake: Intake
  readonly #held: Held
  readonly #readsOnlyTakers: boolean
  /** What its send queue is counted as; it is counted again when more than this waits. */
  #commitQueueBytes: number = limits.sendQueueCountedBytes
  /** What the kernel had taken at the last beat, and how long it has taken nothing more. */
  #taken = 0
  #stalledMs = 0
  readonly #endListeners: ((end: LinkEnd) => void)[] = []
  /** The frame in hand: its envelopes are taken as turn and receiver allow. */
  #reader: EnvelopeReader | undefined
  /** What of it is parsed, and how many of these the receiver has. */
  #group: EnvelopeGroup | undefined
  #delivered = 0
  /** Bytes have come that wait for a turn, or for the receiver. */
  #behind = false
  #receiver: LinkReceiver | undefined
  #end: LinkEnd | undefined
  #told = false
  #invalidCount = 0
  #cancelTimer: () => void

  constructor(parts: LinkParts) {
    const { socket, decoder, peer, clock, timers, deadMs, onInvalid } = parts
    this.peer = peer
    this.localAddress = plainHost(socket.localAddress ?? '')
    this.#socket = socket
    this.#decoder = decoder
    this.#clock = clock
    this.#timers = timers
    this.#onInvalid = onInvalid
    this.#intake = parts.intake ?? processIntake
    this.#held = parts.held ?? heldOf(peer.role)
    this.#readsOnlyTakers = parts.readsOnlyTakers ?? false
    this.#heartbeat = new Heartbeat({ heartbeatMs: limits.linkHeartbeatMs, deadMs }, clock.monotonicMs())
    this.#writer = new LinkWriter(socket, messageBytesOf(peer.role), {
      drain: () => {
        this.#countSendQueue()
        this.goOn()
        this.#receiver?.drain()
      },
      overflow: (detail) => this.#finish({ kind: 'overflow', detail }),
    })
    this.#cancelTimer = timers.after(limits.linkHeartbeatMs, this.#beat)
    socket.setNoDelay(true)
    socket.pause()
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => this.#finish({ kind: 'closed-by-peer', detail: 'the peer closed the connection' }))
    socket.on('error', (error) => this.#finish(endOfError(error)))
    socket.on('close', () => this.#socketClosed())
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  /** Bytes accepted that the kernel has not. */
  get bufferedBytes(): number {
    return this.isOpen ? this.#writer.bufferedBytes : 0
  }

  /** Bytes of the envelope sent last, as JSON. */
  get lastEnvelopeBytes(): number {
    return this.#writer.lastEnvelopeBytes
  }

  /** Monotonic time at which the peer was last heard. */
  get lastReceivedMs(): number {
    return this.#heartbeat.lastReceivedMs
  }

  /** It has bytes that wait for a turn, or for room at the receiver. */
  get isBehind(): boolean {
    return this.#behind
  }

  get invalidCount(): number {
    return this.#invalidCount
  }

  /** Silence after which this link is dead; toward drivers `limits.driverLinkDeadMs` (protocol L4). */
  setDeadMs(deadMs: number): void {
    this.#heartbeat.setDeadMs(deadMs)
  }

  /**
   * Sends one envelope, together with all others of this turn. False: stop until `drain` (it is accepted all the same,
   * up to `linkOverflowFactor` times the high-water mark, where the link ends as `overflow`), or the link has ended.
   * Throws MESSAGE_TOO_LARGE. Do not change the envelope's parts while this runs; afterwards you may.
   */
  send(envelope: object): boolean {
    if (!this.isOpen) return false
    const goesOn = this.#writer.send(envelope)
    if (this.#writer.waitingAtSend > this.#commitQueueBytes) this.#countSendQueue()
    return goesOn && this.isOpen
  }

  /**
   * Sends one payload frame of at most `payloadChunkBytes` + `payloadHeaderBytes`, in a send queue of its own with the same
   * push-back. The parts are not copied: leave them unchanged.
   */
  sendPayload(parts: readonly Uint8Array[]): boolean {
    return this.isOpen && this.#writer.sendPayload(parts) && this.isOpen
  }

  /** Starts delivery. Set it soon: until then nothing is read, and after deadMs the link is closed. */
  setReceiver(receiver: LinkReceiver): void {
    const first = this.#receiver === undefined
    this.#receiver = receiver
    if (!first) return
    process.nextTick(() => {
      this.#heartbeat.observed(this.#clock.monotonicMs())
      // Held back like any link that is behind: what came with the handshake has its turn first.
      this.#behind = true
      this.#intake.offer(this)
      if (!this.isOpen) this.#tellEnd()
    })
  }

  /** The receiver takes envelopes again, after its `room()` was 0. In a later turn, not from inside this call. */
  goOn(): void {
    if (this.isOpen && this.#behind) this.#intake.later(this)
  }

  /** Ends the link because of what the peer sent or holds. */
  cut(detail: string): void {
    if (!this.isOpen) return
    this.#reportInvalid(detail)
    this.#finish({ kind: 'invalid', detail })
  }

  /** Called once when the link has ended, before the receiver's `closed`; at once (next microtask) if it already has. */
  whenEnded(listener: (end: LinkEnd) => void): void {
    if (this.#told) queueMicrotask(() => listener(this.#end as LinkEnd))
    else this.#endListeners.push(listener)
  }

  /** Ends the link from our side. Envelopes already sent still leave; waiting payload does not; nothing is delivered any more. */
  close(reason = 'closed here'): void {
    this.#finish({ kind: 'local', detail: reason })
  }

  /** Ends the link because another took its place (protocol R3): unread rest included. */
  replace(reason: string): void {
    this.#finish({ kind: 'replaced', detail: reason })
  }

  #read(chunk: Buffer): void {
    if (!this.isOpen) return
    this.#heartbeat.observed(this.#clock.monotonicMs())
    this.#decoder.feed(chunk)
    if (!this.#intake.offer(this)) this.#setBehind(true)
  }

  /** A share of a turn (see Intake). */
  work(turn: Turn): boolean {
    const state = this.#work(turn)
    if (!this.isOpen) return false
    this.#held.frames.holds(this, this.#decoder.allocatedBytes + (this.#reader?.bytes ?? 0))
    this.#setBehind(state !== 'empty')
    return state === 'more'
  }

  /** While it is behind, the kernel keeps what comes, and then the peer does. */
  #setBehind(behind: boolean): void {
    if (behind === this.#behind) return
    this.#behind = behind
    if (behind) this.#socket.pause()
    else this.#socket.resume()
  }

  /** `full`: the receiver has no room, and says when it has. */
  #work(turn: Turn): 'empty' | 'more' | 'full' {
    try {
      while (this.isOpen) {
        if (this.#readsOnlyTakers && this.#writer.isBlocked) return 'full'
        if (this.#reader !== undefined) {
          const capacity = this.#receiver?.capacity?.() ?? limits.linkShareItems
          if (capacity < 1) return 'full'
          if (turn.items <= 0 || (turn.bytes <= 0 && this.#group === undefined)) return 'more'
          this.#deliver(this.#reader, capacity, turn)
          continue
        }
        if (turn.items <= 0 || turn.bytes <= 0) return this.#decoder.isEmpty ? 'empty' : 'more'
        const frame = this.#decoder.next()
        if (frame === undefined) return 'empty'
        this.#accept(frame, turn)
      }
    } catch (error) {
      this.cut(reasonOf(error))
    }
    return 'empty'
  }

  #accept({ kind, body }: Frame, turn: Turn): void {
    if (kind === frameKind.envelopes) {
      this.#reader = new EnvelopeReader(body)
      return
    }
    turn.items--
    turn.bytes -= FRAME_HEADER_BYTES + body.length
    if (kind === frameKind.ping) this.#writer.pong()
    else if (kind === frameKind.payload) this.#receiver?.payload(body)
  }

  /** Parses as many as the turn allows, whatever room there is: a few at a time cost much more. */
  #deliver(reader: EnvelopeReader, capacity: number, turn: Turn): void {
    const group = this.#group ?? this.#nextGroup(reader, turn)
    const { values, bytes } = group
    const to = Math.min(values.length, this.#delivered + Math.min(capacity, turn.items))
    turn.items -= to - this.#delivered
    while (this.#delivered < to && this.#end === undefined) {
      const at = this.#delivered++
      this.#receiver?.envelope(values[at], bytes[at] as number)
    }
    if (to < values.length) return
    this.#group = undefined
    if (reader.isDone) this.#reader = undefined
  }

  #nextGroup(reader: EnvelopeReader, turn: Turn): EnvelopeGroup {
    const group = reader.next(turn.items)
    for (const bytes of group.bytes) turn.bytes -= bytes
    this.#group = group
    this.#delivered = 0
    return group
  }

  readonly #beat = (): void => {
    this.#cancelTimer = this.#timers.after(limits.linkHeartbeatMs, this.#beat)
    this.#writer.ping()
    this.#countSendQueue()
    if (this.#isStalled()) return
    // What we have not read yet is no silence of the peer.
    if (this.#behind && this.#receiver !== undefined) this.#heartbeat.observed(this.#clock.monotonicMs())
    const suspect = this.#heartbeat.tick(this.#clock.monotonicMs())
    if (!suspect) return
    if (this.#receiver === undefined) {
      // Not read, so not judged; but nobody would ever see its end either.
      this.close('nobody took the link')
      return
    }
    // An immediate runs after the next poll, so after all that waits in our own socket has been heard (protocol R7).
    setImmediate(() => {
      if (!this.isOpen || !this.#heartbeat.isDead()) return
      this.#finish({ kind: 'silent', detail: `nothing heard for ${Math.round(this.#heartbeat.silentMs)} ms` })
    })
  }

  #countSendQueue(): void {
    if (!this.isOpen) return
    const bytes = this.#writer.bufferedBytes
    const counted = bytes > limits.sendQueueCountedBytes
    this.#commitQueueBytes = counted
      ? Math.ceil(bytes / limits.sendQueueStepBytes) * limits.sendQueueStepBytes
      : limits.sendQueueCountedBytes
    this.#held.sendQueues.holds(this, counted ? this.#commitQueueBytes : 0)
  }

  /** A peer that takes nothing of what waits for it is as dead as one that says nothing, whatever it says. */
  #isStalled(): boolean {
    const { taken, bufferedBytes } = this.#writer
    const stands = bufferedBytes > 0 && taken === this.#taken
    this.#taken = taken
    this.#stalledMs = stands ? this.#stalledMs + limits.linkHeartbeatMs : 0
    if (this.#stalledMs < this.#heartbeat.deadMs) return false
    this.#finish({ kind: 'overflow', detail: `the peer took nothing for ${this.#stalledMs} ms` })
    return true
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return
    this.#cancelTimer()
    this.#end = end
    this.#intake.forget(this)
    this.#held.frames.holds(this, 0)
    this.#held.sendQueues.holds(this, 0)
    this.#reader = undefined
    this.#group = undefined
    if (end.kind === 'local') this.#linger()
    else {
      this.#writer.stop()
      this.#socket.destroy()
    }
    queueMicrotask(() => this.#tellEnd())
  }

  /** Lets the kernel take what was sent, but not for longer than the peer deserves. */
  #linger(): void {
    this.#writer.finish()
    this.#socket.end()
    this.#socket.resume()
    this.#cancelTimer = this.#timers.after(limits.linkLingerMs, () => this.#socket.destroy())
  }

  #socketClosed(): void {
    this.#finish({ kind: 'closed-by-peer', detail: 'the connection closed' })
    this.#cancelTimer()
  }

  #tellEnd(): void {
    const end = this.#end as LinkEnd
    if (!this.#told) {
      this.#told = true
      for (const listener of this.#endListeners.splice(0)) listener(end)
    }
    const receiver = this.#receiver
    this.#receiver = undefined
    receiver?.closed(end)
  }

  #reportInvalid(detail: string): void {
    this.#invalidCount++
    this.#onInvalid?.({ peer: this.peer, detail, count: this.#invalidCount })
  }
}
