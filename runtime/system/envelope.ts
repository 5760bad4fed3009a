import { innerLimits } from '../inner-limits.js'
import type { TraceContext } from '../telemetry/trace-context.js'
import type { Message } from './ref.js'

/** What travels with a message on a link: plain data. JSON may drop the fields that are undefined. */
export interface WireEnvelope {
  /**
   * Sender and receiver without their authority (`/user/NAME`). The link knows better which process the peer
   * is.
   */
  readonly from: string
  readonly to: string
  readonly message: Message
  /** Names this message in traces. It is unique within the time that a trace ring covers. */
  readonly id: number
  /** The id of the message that began this trace. */
  readonly trace: number
  /** The id of the message whose handling sent this one. */
  readonly parent?: number | undefined
  /**
   * The leadership that the sender acts under (protocol R1), and its commit number if it gives one (protocol
   * R8).
   */
  readonly epoch: number
  readonly seq?: number | undefined
  /** Present on a question. Its answer must carry this value as `answer`. */
  readonly ask?: string | undefined
  /** How long the asker waits, counted from the sending. */
  readonly askMs?: number | undefined
  readonly answer?: string | undefined
  /**
   * The span that led here, of a user's program or a node's; absent: nobody traces. What a peer sends is
   * validated apart, because a malformed one is dropped and the message is taken.
   */
  readonly context?: TraceContext | undefined
}

/** A message with all that the relay knows about it. Within one process `from` and `to` are full paths. */
export interface Envelope extends WireEnvelope {
  /** The link that it came over; undefined if it is from this process. */
  readonly sink?: Sink | undefined
  /** Its size on the link, if the transport told it. */
  readonly bytes?: number | undefined
  /** How long its handler took. It is measured if the handler waited, and in small batches. */
  readonly tookUs?: number | undefined
  /** Its receiver decided not to act on it and called `ActorContext.refuse`. A trace shows it as refused. */
  readonly refused?: boolean | undefined
}

/** What a trace must know of the message that led to another. It keeps no content alive. */
export interface Cause {
  readonly id: number
  readonly trace: number
  readonly context?: TraceContext | undefined
}

export const causeOf = ({ id, trace, context }: Cause): Cause =>
  context === undefined ? { id, trace } : { id, trace, context }

/** A way out of this process: a link. The transport implements it. */
export interface Sink {
  /** Address of the peer, firesteel://CLUSTER@host:port. The paths of its actors begin with it. */
  readonly path: string
  /** The peer's incarnation, if the transport knows it. One address may serve several processes in turn. */
  readonly incarnation?: string
  /** True: it is a Master or a Worker, which have budgets of their own. */
  readonly isNode?: boolean
  /** The host that the peer's packets come from. A peer can lie about itself, but not about this. */
  readonly host?: string
  /**
   * Takes the envelope for sending. False: the link is closed or over its bound, and nothing was taken. It
   * may set `bytes`, which is not sent. Throws MESSAGE_TOO_LARGE if the peer would not read it, or if it is
   * not JSON.
   */
  send(envelope: WireEnvelope & { bytes?: number }): boolean
  /**
   * Called when an envelope of this link enters a mailbox, and when it leaves. A link is not read while too
   * much waits.
   */
  queued?(envelope: Envelope): void
  taken?(envelope: Envelope): void
}

/** Where an answer goes, however late it is given. It is opaque: keep it, then pass it to `system.answer`. */
export interface ReplyAddress {
  readonly ask: string
  /** Path of the asker. */
  readonly from: string
  readonly sink?: Sink | undefined
  /** Identifies the question in this process. */
  readonly token: number
}

const PATH_MAX = innerLimits.pathChars
const ID_MAX = innerLimits.questionIdChars

/** Checks what no schema says: that this is an envelope at all. Its message may still be anything. */
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
