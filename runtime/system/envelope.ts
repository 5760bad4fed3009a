import { innerLimits } from '../inner-limits.js'
import type { Message } from './ref.js'

/** What travels with a message on a link: plain data, of which JSON may drop the undefined. */
export interface WireEnvelope {
  /** Sender and receiver without their authority (`/user/NAME`): who the peer is, the link knows better. */
  readonly from: string
  readonly to: string
  readonly message: Message
  /** Names this message in traces; unique in the time that a trace ring spans. */
  readonly id: number
  /** The id of the message that all this began with. */
  readonly trace: number
  /** The id of the message whose handling sent this one. */
  readonly parent?: number | undefined
  /** Leadership the sender acts under (protocol R1), and its commit number where it gives one (protocol R8). */
  readonly epoch: number
  readonly seq?: number | undefined
  /** Set on a question: its answer must carry this as `answer`. */
  readonly ask?: string | undefined
  /** How long the asker waits, from its sending. */
  readonly askMs?: number | undefined
  readonly answer?: string | undefined
}

/** A message with all that the relay knows about it. In one process `from` and `to` are full paths. */
export interface Envelope extends WireEnvelope {
  /** The link it came by; undefined for one from this process. */
  readonly sink?: Sink | undefined
  /** Its size on the link, where it took one and the transport told. */
  readonly bytes?: number | undefined
  /** How long its handler took, where that was measured: always when it waited, else in small batches. */
  readonly tookUs?: number | undefined
  /** Its receiver decided not to act on it. Set with `ActorContext.refuse`, so that a trace shows what became of it. */
  readonly refused?: boolean | undefined
}

/** A way out of this process: a link. The transport implements it. */
export interface Sink {
  /** Address of the peer, firesteel://CLUSTER@host:port: the authority of its actors' paths. */
  readonly path: string
  /** The peer's incarnation, where the transport knows: an address outlives processes. */
  readonly incarnation?: string
  /** Where the peer's packets come from: what it says of itself it may change, this it may not. */
  readonly host?: string
  /**
   * Takes the envelope for sending. False: closed or over its bound, nothing was taken. May set `bytes`, which
   * is no part of what is sent. Throws MESSAGE_TOO_LARGE where the other side would not read it, or it is not JSON.
   */
  send(envelope: WireEnvelope & { bytes?: number }): boolean
  /** A envelope that came by it waits in a mailbox, and has left it: for links that are not read while too much waits. */
  queued?(envelope: Envelope): void
  taken?(envelope: Envelope): void
}

/** Where an answer goes, however late it is given. Opaque: keep it, then give it to `system.answer`. */
export interface ReplyAddress {
  readonly ask: string
  /** Path of the asker. */
  readonly from: string
  readonly sink?: Sink | undefined
  /** Names the question in this process, once. */
  readonly token: number
}

const PATH_MAX = innerLimits.pathChars
const ID_MAX = innerLimits.questionIdChars

/** What no schema says: that this is an envelope at all. Its message may still be anything. */
export function isWireEnvelope(value: unknown): value is WireEnvelope {
  if (typeof value !== 'object' || value === null) return false
  const wire = value as Partial<Record<keyof WireEnvelope, unknown>>
  return (
    isName(wire.from) &&
    isName(wire.to) &&
    typeof wire.message === 'object' &&
    wire.message !== null &&
    isCount(wire.id) &&
    isCount(wire.trace) &&
    isCount(wire.epoch) &&
    (wire.parent === undefined || isCount(wire.parent)) &&
    (wire.seq === undefined || isCount(wire.seq)) &&
    (wire.ask === undefined || isId(wire.ask)) &&
    (wire.askMs === undefined || (Number.isFinite(wire.askMs) && (wire.askMs as number) >= 0)) &&
    (wire.answer === undefined || isId(wire.answer))
  )
}

const isName = (value: unknown): boolean => typeof value === 'string' && value.length <= PATH_MAX
const isId = (value: unknown): boolean => typeof value === 'string' && value.length <= ID_MAX
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
