import { innerLimits } from '../inner-limits.js'
/* The query for a trace ring, and its answer. The messages that carry them are in the catalogue. */

/** One message as `trace` prints it, and its `id`, to which `parent` refers. */
export interface TraceEntry {
  /** Wall clock, epoch milliseconds; its sender reads the clock once per batch. */
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
  /** Incarnation that sent a received message. */
  readonly peer?: string | undefined
  /** The message, shortened and without secrets. Only if payloads were asked for. */
  readonly payload?: unknown
}

/** A message must match everything that is given. */
export interface TraceQuery {
  /** Goes on after an earlier answer, at its `next`. */
  readonly afterCursor?: number | undefined
  /** Highest age, by the clock of the process that is asked. */
  readonly sinceAgoMs?: number | undefined
  /** Only these types. */
  readonly messages?: readonly string[] | undefined
  /** Not these types. */
  readonly except?: readonly string[] | undefined
  /** Without what actors send to themselves, such as timers. */
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
  /** Wall clock of the process, so that the asking process sees how far the two clocks differ. */
  readonly nowMs: number
}

/**
 * Messages of tracing itself, which no trace shows. It is asked for each message, so it compares and does not
 * look up.
 */
export const isTracing = (type: string): boolean => type === 'TraceChunk' || type === 'RequestTrace'

/** Longest path and longest type in an answer. */
export const TRACE_PATH_MAX = innerLimits.pathChars
export const TRACE_TYPE_MAX = innerLimits.traceTypeChars
