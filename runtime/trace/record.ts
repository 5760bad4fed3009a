import { innerLimits } from '../inner-limits.js'

/* What is asked of a trace ring, and what it gives. The messages that carry it are in the catalogue. */

/** One message, as `trace` prints it, and its `id`, which `parent` refers to. */
export interface TraceEntry {
  /** Wall clock, epoch milliseconds; one reading per batch of its sender. */
  readonly at: number
  readonly id: number
  readonly trace: number
  readonly parent?: number | undefined
  readonly from: string
  readonly to: string
  /** Type of the message. */
  readonly message: string
  readonly epoch: number
  readonly bytes?: number | undefined
  readonly tookUs?: number | undefined
  /** Its receiver did not act on it: it came under a leadership that is over, or for another incarnation. */
  readonly refused?: true | undefined
}

/** One message as one process saw it. */
export interface TraceRecord extends TraceEntry {
  /** Received over a link, sent over one, or neither. */
  readonly direction: 'in' | 'out' | 'local'
  /** Incarnation that sent what was received. */
  readonly peer?: string | undefined
  /** The message, shortened and without secrets; only where payloads were asked for. */
  readonly payload?: unknown
}

/** All of what is given must fit. */
export interface TraceQuery {
  /** Goes on after an earlier answer: its `next`. */
  readonly afterCursor?: number | undefined
  /** Age at most, by the clock of the process that is asked. */
  readonly sinceAgoMs?: number | undefined
  /** Types wanted. */
  readonly messages?: readonly string[] | undefined
  /** Types not wanted. */
  readonly except?: readonly string[] | undefined
  /** Not what actors tell themselves, such as timers. */
  readonly toOthers?: boolean | undefined
  /** Sender or receiver, as `matchesActor` reads it. */
  readonly actor?: string | undefined
  readonly payloads?: boolean | undefined
}

export interface TraceBatch {
  /** In the order in which the process sent and received them. */
  readonly entries: TraceRecord[]
  /** Cursor for the next query. */
  readonly next: number
  /** There is more after this. */
  readonly more: boolean
  /** Messages that the ring no longer had when it was asked. */
  readonly dropped: number
  /** Wall clock of the process, so that whoever asks sees how far the two are apart. */
  readonly nowMs: number
}

/** Messages of tracing itself, which no trace shows. Asked for each message: a comparison, no look-up. */
export const isTracing = (type: string): boolean => type === 'TraceChunk' || type === 'RequestTrace'

export const TRACE_PATH_MAX = innerLimits.pathChars
export const TRACE_TYPE_MAX = innerLimits.traceTypeChars
