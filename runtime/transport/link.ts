import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.js'
import { reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import type { TimerSource } from '../timers.js'
import { type EnvelopeGroup, EnvelopeReader } from './envelope-reader.js'
import { FRAME_HEADER_BYTES, type Frame, type FrameDecoder, frameKind } from './frame.js'
import { Heartbeat } from './heartbeat.js'
import { type Held, type Holder, heldOf } from './held-bytes.js'
import { type PeerIdentity, plainHost } from './identity.js'
import { type Intake, type IntakeSource, processIntake, type Turn } from './intake.js'
import { endOfError, type LinkEnd } from './link-end.js'
import { LinkWriter } from './link-writer.js'
import { messageBytesOf } from './message-bounds.js'

/** Where a link delivers. It is never called from inside a call to the link, and never after `closed`. */
export interface LinkReceiver {
  /**
   * How many envelopes the receiver accepts now; absent: any number. After 0 the link reads nothing more
   * until `goOn()`.
   */
  capacity?(): number
  /** One received envelope, not validated, and its bytes. If this throws, the link ends as `invalid`. */
  envelope(raw: unknown, bytes: number): void
  /**
   * One payload frame. The buffer may be a view into a larger one, so copy what is kept for long. If this
   * throws, the link ends as `invalid`.
   */
  payload(body: Buffer): void
  /** Called once. */
  closed(end: LinkEnd): void
  /** Sending may go on after `send` or `sendPayload` returned false. */
  drain(): void
}

/** Something that a peer sent and that could not be used. */
export interface InvalidReport {
  readonly peer: PeerIdentity
  readonly detail: string
  /** Invalid frames of this link so far. */
  readonly count: number
}

export interface LinkParts {
  readonly socket: Socket
  /** The decoder of the handshake. It may already hold bytes that came after it. */
  readonly decoder: FrameDecoder
  readonly peer: PeerIdentity
  readonly clock: Clock
  readonly timers: TimerSource
  readonly deadMs: number
  readonly onInvalid?: ((report: InvalidReport) => void) | undefined
  /** Default: that of this process. */
  readonly intake?: Intake | undefined
  readonly held?: Held | undefined
  /**
   * Read nothing from a peer that does not read what it is sent, so that the answers to its requests stay
   * bounded. Only one side of a link may do this, or both could wait for each other.
   */
  readonly readsOnlyTakers?: boolean | undefined
}

/**
 * One authenticated connection between two incarnations (protocol 1). It delivers at most once, and in order
 * within each send queue: envelopes among themselves, payload frames among themselves. Envelopes overtake
 * payload. It reads nothing until `setReceiver`.
 */
export class Link implements IntakeSource, Holder {
  readonly peer: PeerIdentity
  /** The address of our side of this connection, without port. */
  readonly localAddress: string
  readonly #socket: Socket
  readonly #decoder: FrameDecoder
  readonly #clock: Clock
  readonly #timers: TimerSource
  readonly #writer: LinkWriter
  readonly #heartbeat: Heartbeat
  readonly #onInvalid: ((report: InvalidReport) => void) | undefined
  readonly #intake: Intake
  readonly #held: Held
  readonly #readsOnlyTakers: boolean
  /** Bytes for which the send queue counts in the budget. It is counted again when more than this waits. */
  #countedBytes: number = limits.sendQueueCountedBytes
  /**
   * Bytes that the kernel had accepted at the last heartbeat, and for how long it has accepted nothing more.
   */
  #taken = 0
  #stalledMs = 0
  readonly #endListeners: ((end: LinkEnd) => void)[] = []
  /** The frame that is being read. Its envelopes are taken as turn and receiver allow. */
  #reader: EnvelopeReader | undefined
  /** The parsed envelopes of that frame, and how many of these the receiver has. */
  #group: EnvelopeGroup | undefined
  #delivered = 0
  /** Received bytes wait for a turn, or for the receiver. */
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

  /** Bytes accepted here that the kernel has not accepted yet. */
  get bufferedBytes(): number {
    return this.isOpen ? this.#writer.bufferedBytes : 0
  }

  /** Bytes of the envelope sent last, as JSON. */
  get lastEnvelopeBytes(): number {
    return this.#writer.lastEnvelopeBytes
  }

  /** Monotonic time at which the peer's last bytes came. */
  get lastReceivedMs(): number {
    return this.#heartbeat.lastReceivedMs
  }

  /** Received bytes wait for a turn, or for capacity at the receiver. */
  get isBehind(): boolean {
    return this.#behind
  }

  get invalidCount(): number {
    return this.#invalidCount
  }

  /**
   * Sets the silence after which this link is dead; toward drivers `limits.driverLinkDeadMs` (protocol L4).
   */
  setDeadMs(deadMs: number): void {
    this.#heartbeat.setDeadMs(deadMs)
  }

  /**
   * Sends one envelope, together with all others of this turn. False: the link has ended, or stop until
   * `drain`. In the latter case the envelope is accepted; at `linkOverflowFactor` times the high-water mark
   * the link ends as `overflow`. Throws MESSAGE_TOO_LARGE. Do not change the parts of the envelope during
   * this call; afterwards you may.
   */
  send(envelope: object): boolean {
    if (!this.isOpen) return false
    const goesOn = this.#writer.send(envelope)
    if (this.#writer.waitingAtSend > this.#countedBytes) this.#countSendQueue()
    return goesOn && this.isOpen
  }

  /**
   * Sends one payload frame of at most `payloadChunkBytes` + `payloadHeaderBytes`, in a send queue of its own
   * with the same back-pressure. The parts are not copied: leave them unchanged.
   */
  sendPayload(parts: readonly Uint8Array[]): boolean {
    return this.isOpen && this.#writer.sendPayload(parts) && this.isOpen
  }

  /**
   * Starts delivery. Set the receiver soon: until then nothing is read, and after deadMs the link is closed.
   */
  setReceiver(receiver: LinkReceiver): void {
    const first = this.#receiver === undefined
    this.#receiver = receiver
    if (!first) return
    process.nextTick(() => {
      this.#heartbeat.observed(this.#clock.monotonicMs())
      // The link waits like any link that is behind: what came with the handshake is delivered first.
      this.#behind = true
      this.#intake.offer(this)
      if (!this.isOpen) this.#tellEnd()
    })
  }

  /**
   * The receiver accepts envelopes again, after its `capacity()` was 0. Delivery goes on in a later turn, not
   * inside this call.
   */
  goOn(): void {
    if (this.isOpen && this.#behind) this.#intake.later(this)
  }

  /** Ends the link because of what the peer sent or holds. */
  cut(detail: string): void {
    if (!this.isOpen) return
    this.#reportInvalid(detail)
    this.#finish({ kind: 'invalid', detail })
  }

  /**
   * The listener is called once when the link has ended, before the receiver's `closed`. If the link already
   * has ended, it is called in the next microtask.
   */
  whenEnded(listener: (end: LinkEnd) => void): void {
    if (this.#told) queueMicrotask(() => listener(this.#end as LinkEnd))
    else this.#endListeners.push(listener)
  }

  /**
   * Ends the link from our side. Envelopes that were sent still leave, waiting payload does not, and nothing
   * is delivered any more.
   */
  close(reason = 'closed by this side'): void {
    this.#finish({ kind: 'local', detail: reason })
  }

  /** Ends the link because another took its place (protocol R3). What it has not read is lost. */
  replace(reason: string): void {
    this.#finish({ kind: 'replaced', detail: reason })
  }

  #read(chunk: Buffer): void {
    if (!this.isOpen) return
    this.#heartbeat.observed(this.#clock.monotonicMs())
    this.#decoder.feed(chunk)
    if (!this.#intake.offer(this)) this.#setBehind(true)
  }

  /** Uses a share of a turn (see Intake). */
  work(turn: Turn): boolean {
    const state = this.#work(turn)
    if (!this.isOpen) return false
    this.#held.frames.holds(this, this.#decoder.allocatedBytes + (this.#reader?.bytes ?? 0))
    this.#setBehind(state !== 'empty')
    return state === 'more'
  }

  /** While the link is behind, received bytes stay in our kernel, and then in the peer's. */
  #setBehind(behind: boolean): void {
    if (behind === this.#behind) return
    this.#behind = behind
    if (behind) this.#socket.pause()
    else this.#socket.resume()
  }

  /** `full`: the receiver has no capacity, and calls `goOn` when it has. */
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

  /**
   * Parses as many envelopes as the turn allows, whatever the capacity of the receiver: parsing a few at a
   * time costs much more.
   */
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
    // Bytes that we have not read yet are no silence of the peer.
    if (this.#behind && this.#receiver !== undefined) this.#heartbeat.observed(this.#clock.monotonicMs())
    const suspect = this.#heartbeat.tick(this.#clock.monotonicMs())
    if (!suspect) return
    if (this.#receiver === undefined) {
      // Without a receiver nothing was read, so the peer is not judged. But nobody would ever notice its end
      // either.
      this.close('the link got no receiver')
      return
    }
    // An immediate runs after the next poll, so after everything that waits in our socket was read (protocol
    // R7).
    setImmediate(() => {
      if (!this.isOpen || !this.#heartbeat.isDead()) return
      this.#finish({
        kind: 'silent',
        detail: `nothing received for ${Math.round(this.#heartbeat.silentMs)} ms`,
      })
    })
  }

  #countSendQueue(): void {
    if (!this.isOpen) return
    const bytes = this.#writer.bufferedBytes
    const counted = bytes > limits.sendQueueCountedBytes
    this.#countedBytes = counted
      ? Math.ceil(bytes / limits.sendQueueStepBytes) * limits.sendQueueStepBytes
      : limits.sendQueueCountedBytes
    this.#held.sendQueues.holds(this, counted ? this.#countedBytes : 0)
  }

  /** A peer that accepts nothing of what waits for it is as dead as a silent one, whatever it sends. */
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

  /** Gives the kernel `linkLingerMs` to send what it was given. */
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
