import { isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { Heartbeat } from '../../runtime/transport/heartbeat.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd, LinkEndKind } from '../../runtime/transport/link-end.js'
import type { Place } from './place.js'

/** What travels on a connection: first in, first out. */
export type Parcel =
  | { readonly kind: 'envelope'; readonly envelope: object }
  | { readonly kind: 'payload'; readonly body: Buffer }
  | { readonly kind: 'ping' }
  | { readonly kind: 'end'; readonly how: Extract<LinkEndKind, 'closed-by-peer' | 'reset'> }

export interface LinkWay {
  /** Carries it to the other end, sooner or later. */
  send(parcel: Parcel): void
}

export interface SimLinkParts {
  readonly place: Place
  readonly peer: PeerIdentity
  readonly deadMs: number
  /** The same for both ends of this connection only. */
  readonly id: number
  /** Told of a frame of tasks that cannot be read. Only programs of this build send such frames. */
  readonly onUnreadable: (place: Place, error: unknown) => void
}

/** How long a link that told its sender to stop takes until it accepts more. */
const DRAIN_MS = 2

/** One end of a simulated connection: what gateways, dialers and actors see of `Link`, without a socket. */
export class SimLink {
  readonly peer: PeerIdentity
  readonly localAddress: string
  readonly bufferedBytes = 0
  readonly lastEnvelopeBytes = 0
  readonly invalidCount = 0
  readonly place: Place
  readonly id: number
  way!: LinkWay
  readonly #onUnreadable: SimLinkParts['onUnreadable']
  readonly #heartbeat: Heartbeat
  readonly #listeners: ((end: LinkEnd) => void)[] = []
  readonly #unread: Parcel[] = []
  #receiver: LinkReceiver | undefined
  #end: LinkEnd | undefined
  #told = false
  #cancelBeat: () => void = () => {}
  /** Payload that was sent at this moment. */
  #momentMs = -1
  #momentBytes = 0
  #drains = false

  constructor({ place, peer, deadMs, id, onUnreadable }: SimLinkParts) {
    this.place = place
    this.peer = peer
    this.id = id
    this.#onUnreadable = onUnreadable
    this.localAddress = place.machine.host
    this.#heartbeat = new Heartbeat({ heartbeatMs: limits.linkHeartbeatMs, deadMs }, place.monotonicMs())
    this.#beatLater()
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  get lastReceivedMs(): number {
    return this.#heartbeat.lastReceivedMs
  }

  setDeadMs(deadMs: number): void {
    this.#heartbeat.setDeadMs(deadMs)
  }

  send(envelope: object): boolean {
    if (!this.isOpen) return false
    this.way.send({ kind: 'envelope', envelope })
    return true
  }

  sendPayload(parts: readonly Uint8Array[]): boolean {
    if (!this.isOpen) return false
    const body = Buffer.concat(parts)
    this.way.send({ kind: 'payload', body })
    const { nowMs } = this.place.machine.timeline
    this.#momentBytes = nowMs === this.#momentMs ? this.#momentBytes + body.length : body.length
    this.#momentMs = nowMs
    if (this.#momentBytes <= limits.payloadChunkBytes) return true
    this.#drainLater()
    return false
  }

  /** Like the real one it accepts a large body in parts, and may break in between. */
  #drainLater(): void {
    if (this.#drains) return
    this.#drains = true
    this.place.later(DRAIN_MS, () => {
      this.#drains = false
      if (this.isOpen) this.#receiver?.drain()
    })
  }

  setReceiver(receiver: LinkReceiver): void {
    const isFirst = this.#receiver === undefined
    this.#receiver = receiver
    if (!isFirst) return
    this.place.later(0, () => {
      this.#heartbeat.observed(this.place.monotonicMs())
      for (const parcel of this.#unread.splice(0)) this.arrive(parcel)
      if (!this.isOpen) this.#tellEnd()
    })
  }

  whenEnded(listener: (end: LinkEnd) => void): void {
    if (this.#told) queueMicrotask(() => listener(this.#end as LinkEnd))
    else this.#listeners.push(listener)
  }

  close(reason = 'closed here'): void {
    if (!this.isOpen) return
    this.way.send({ kind: 'end', how: 'closed-by-peer' })
    this.finish({ kind: 'local', detail: reason })
  }

  replace(reason: string): void {
    if (!this.isOpen) return
    this.way.send({ kind: 'end', how: 'reset' })
    this.finish({ kind: 'replaced', detail: reason })
  }

  /** A message of the other end has arrived, and this process runs. */
  arrive(parcel: Parcel): void {
    if (!this.isOpen) return
    if (this.#receiver === undefined) {
      this.#unread.push(parcel)
      return
    }
    this.#heartbeat.observed(this.place.monotonicMs())
    if (parcel.kind === 'end') this.finish({ kind: parcel.how, detail: parcel.how })
    else this.#deliver(parcel, this.#receiver)
  }

  /** An invalid message ends the link, as in the real one. Anything else that is thrown is a defect. */
  #deliver(parcel: Exclude<Parcel, { kind: 'end' }>, receiver: LinkReceiver): void {
    try {
      if (parcel.kind === 'envelope') receiver.envelope(parcel.envelope, 0)
      else if (parcel.kind === 'payload') receiver.payload(parcel.body)
    } catch (error) {
      if (!isFiresteelError(error, 'FRAME_INVALID')) throw error
      if (parcel.kind === 'payload') this.#onUnreadable(this.place, error)
      this.finish({ kind: 'invalid', detail: reasonOf(error) })
    }
  }

  finish(end: LinkEnd): void {
    if (this.#end !== undefined) return
    this.#cancelBeat()
    this.#end = end
    queueMicrotask(() => this.#tellEnd())
  }

  #beatLater(): void {
    // A heartbeat only notes the time: the end of a silent link is an event of its own.
    this.#cancelBeat = this.place.afterQuietly(limits.linkHeartbeatMs, () => {
      this.#beatLater()
      this.#beat()
    })
  }

  #beat(): void {
    this.way.send({ kind: 'ping' })
    if (!this.#heartbeat.tick(this.place.monotonicMs())) return
    // After everything that waits in its own socket was read (protocol R7).
    this.place.later(0, () => {
      if (this.isOpen && this.#heartbeat.isDead()) this.finish({ kind: 'silent', detail: 'nothing heard' })
    })
  }

  #tellEnd(): void {
    const end = this.#end as LinkEnd
    if (!this.#told) {
      this.#told = true
      for (const listener of this.#listeners.splice(0)) listener(end)
    }
    const receiver = this.#receiver
    this.#receiver = undefined
    receiver?.closed(end)
  }
}
