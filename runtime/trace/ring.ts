import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import type { Envelope } from '../system/envelope.js'
import { authorityOf, matchesActor } from './actor-path.js'
import { shownPayload } from './payload.js'
import {
  isTracing,
  TRACE_PATH_MAX,
  TRACE_TYPE_MAX,
  type TraceBatch,
  type TraceEntry,
  type TraceQuery,
  type TraceRecord,
} from './record.js'

/** Bytes that a local message counts. It has no size, and its content is mostly held elsewhere as well. */
const LOCAL_BYTES = innerLimits.traceLocalBytes
/** Approximate bytes of a record besides its paths, its type and its payload. */
const RECORD_BYTES = innerLimits.traceRecordBytes
const RECORD_ITEMS = innerLimits.traceRecordItems
/** Between two looks at the time. */
const LOOKS = innerLimits.traceLooks

/**
 * The newest messages that passed a relay, bounded in number and in bytes. Recording stores two references
 * and builds nothing; an entry is built when it is read.
 */
export class TraceRing {
  readonly size: number
  readonly #mostBytes: number
  readonly #envelopes: (Envelope | undefined)[]
  readonly #at: Float64Array
  /** The bytes that each message counts. */
  readonly #weights: Uint32Array
  #bytes = 0
  #next = 0
  /** How often recording began again at the first slot. */
  #laps = 0
  /** All messages before this were dropped to stay within the bytes. */
  #forgottenTo = 0

  constructor(size: number = limits.traceRing) {
    this.size = Math.max(1, size)
    this.#mostBytes = limits.traceRingBytes * Math.max(1, this.size / limits.traceRing)
    this.#envelopes = new Array(this.size).fill(undefined)
    this.#at = new Float64Array(this.size)
    this.#weights = new Uint32Array(this.size)
  }

  /** Bytes of the messages that it remembers, as they travelled. */
  get bytes(): number {
    return this.#bytes
  }

  /** Messages recorded so far. A cursor is a value of this. */
  get #recorded(): number {
    return this.#laps * this.size + this.#next
  }

  /** The oldest one that is remembered. */
  get #oldest(): number {
    return Math.max(this.#forgottenTo, this.#recorded - this.size)
  }

  /** Messages of tracing itself are left out: a followed trace would push everything else out of the ring. */
  record(envelope: Envelope, atMs: number): void {
    if (isTracing(envelope.message.type)) return
    const slot = this.#next
    this.#at[slot] = atMs
    if (slot + 1 < this.size) this.#next = slot + 1
    else {
      this.#next = 0
      this.#laps++
    }
    this.#keep(slot, envelope)
  }

  /**
   * The message was sent only now, so its size is known only now. A large one is replaced, so that the ring
   * does not keep more alive than a trace shows.
   */
  sized(envelope: Envelope): void {
    const slot = (this.#next + this.size - 1) % this.size
    if (this.#envelopes[slot] === envelope) this.#keep(slot, envelope)
  }

  #keep(slot: number, envelope: Envelope): void {
    const isLarge = (envelope.bytes ?? 0) > limits.tracePayloadBytes
    const weight = isLarge ? envelope.from.length + envelope.to.length : (envelope.bytes ?? LOCAL_BYTES)
    this.#envelopes[slot] = isLarge ? light(envelope) : envelope
    this.#bytes += weight - (this.#weights[slot] as number)
    this.#weights[slot] = weight
    while (this.#bytes > this.#mostBytes && this.#oldest < this.#recorded - 1) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const oldest = this.#oldest
    const slot = oldest % this.size
    this.#envelopes[slot] = undefined
    this.#bytes -= this.#weights[slot] as number
    this.#weights[slot] = 0
    this.#forgottenTo = oldest + 1
  }

  /** Oldest first. `keep` sees the envelope with its payload before an entry is built. */
  snapshot(keep: (envelope: Envelope, atMs: number) => boolean = () => true): TraceEntry[] {
    const entries: TraceEntry[] = []
    for (let number = this.#oldest; number < this.#recorded; number++) {
      const slot = number % this.size
      const envelope = this.#envelopes[slot] as Envelope
      const at = this.#at[slot] as number
      if (keep(envelope, at)) entries.push(entryOf(envelope, at))
    }
    return entries
  }

  /** The newest messages that `wanted` takes, newest first, out of the last `looks` before `before`. */
  newest(
    wanted: (envelope: Envelope) => boolean,
    { before, most, looks, isOver }: NewestLimits,
  ): NewestMessages {
    const recorded = this.#recorded
    const oldest = this.#oldest
    const from = Math.min(Math.max(before ?? recorded, oldest), recorded)
    const end = Math.max(oldest, from - looks)
    const messages: NumberedRecord[] = []
    let number = from
    while (number > end && messages.length < most) {
      if (isOver && number < from && (from - number) % LOOKS === 0 && isOver()) break
      number--
      const slot = number % this.size
      const envelope = this.#envelopes[slot] as Envelope
      if (wanted(envelope)) messages.push({ number, ...recordOf(envelope, this.#at[slot] as number) })
    }
    return { messages, from, to: number, more: number > oldest }
  }

  /**
   * The next messages that a query asks for, oldest first: at most `traceChunkEntries` and `traceChunkBytes`,
   * out of the next `traceChunkLooks`. The caller asks again for the rest.
   */
  read(query: TraceQuery, nowMs: number): TraceBatch {
    const recorded = this.#recorded
    const oldest = this.#oldest
    const sinceMs = query.sinceAgoMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - query.sinceAgoMs
    const wanted = filterOf(query, sinceMs)
    const records: TraceRecord[] = []
    const capacity = new ChunkCapacity()
    let next = Math.min(Math.max(query.afterCursor ?? 0, oldest), recorded)
    const end = Math.min(recorded, next + limits.traceChunkLooks)
    for (; next < end && records.length < limits.traceChunkEntries; next++) {
      const slot = next % this.size
      const envelope = this.#envelopes[slot] as Envelope
      const at = this.#at[slot] as number
      if (!wanted(envelope, at)) continue
      const record: TraceRecord = query.payloads
        ? { ...recordOf(envelope, at), payload: shownPayload(envelope.message) }
        : recordOf(envelope, at)
      if (!capacity.takes(record) && records.length > 0) break
      records.push(record)
    }
    return {
      entries: records,
      next,
      more: next < recorded,
      dropped: this.#dropped(query, oldest, sinceMs),
      nowMs,
    }
  }

  /** Messages that were overwritten before this query came, and that it would have looked at. */
  #dropped({ afterCursor }: TraceQuery, oldest: number, sinceMs: number): number {
    if (afterCursor !== undefined) return Math.max(0, oldest - afterCursor)
    return oldest > 0 && (this.#at[oldest % this.size] as number) > sinceMs ? oldest : 0
  }
}

export interface NewestLimits {
  /** A number of the ring; absent: all that it remembers. */
  readonly before?: number | undefined
  readonly most: number
  readonly looks: number
  /** Asked now and then: true ends the look. */
  readonly isOver?: () => boolean
}

/** A message, and its number in the ring, which no other message of this process has. */
export interface NumberedRecord extends TraceRecord {
  readonly number: number
}

export interface NewestMessages {
  readonly messages: readonly NumberedRecord[]
  /** The messages before `from` and from `to` on were looked at. */
  readonly from: number
  readonly to: number
  /** Older ones are remembered. */
  readonly more: boolean
}

/** What the ring keeps of a message over `tracePayloadBytes`: its type and size. */
function light(envelope: Envelope): Envelope {
  const { bytes = 0, message } = envelope
  return { ...envelope, message: { type: message.type, cut: `${bytes} bytes` } as Envelope['message'] }
}

/** What one answer may still hold: bytes and values, because a reader bounds both. */
class ChunkCapacity {
  #bytes = 0
  #items = 0

  takes({ from, to, message, payload }: TraceRecord): boolean {
    const text = payload === undefined ? '' : JSON.stringify(payload)
    this.#bytes += RECORD_BYTES + from.length + to.length + message.length + text.length
    this.#items += RECORD_ITEMS + text.split(',').length
    return this.#bytes <= limits.traceChunkBytes && this.#items <= limits.messageItems
  }
}

function entryOf(envelope: Envelope, at: number): TraceEntry {
  const { id, trace, parent, from, to, message, epoch, bytes, tookUs, refused } = envelope
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
    ...(refused && { refused }),
  }
}

function filterOf(query: TraceQuery, sinceMs: number): (envelope: Envelope, at: number) => boolean {
  const { actor, toOthers } = query
  const messages = query.messages && new Set(query.messages)
  const except = new Set(query.except)
  return ({ message: { type }, from, to }, at) =>
    at >= sinceMs &&
    (messages === undefined || messages.has(type)) &&
    !except.has(type) &&
    !(toOthers && from === to) &&
    (actor === undefined || matchesActor(from, actor) || matchesActor(to, actor))
}

/**
 * Values that peers wrote into their envelopes are checked: one odd message must not spoil a whole answer.
 */
function recordOf(envelope: Envelope, at: number): TraceRecord {
  const { sink, from, to } = envelope
  const entry = entryOf(envelope, at)
  const sound = {
    ...entry,
    id: finite(entry.id),
    trace: finite(entry.trace),
    ...(entry.parent !== undefined && { parent: finite(entry.parent) }),
    epoch: finite(entry.epoch),
    from: from.slice(0, TRACE_PATH_MAX),
    to: to.slice(0, TRACE_PATH_MAX),
    message: entry.message.slice(0, TRACE_TYPE_MAX),
  }
  if (sink === undefined)
    return { ...sound, direction: authorityOf(from) === authorityOf(to) ? 'local' : 'out' }
  return { ...sound, direction: 'in', ...(sink.incarnation !== undefined && { peer: sink.incarnation }) }
}

/** JSON can write a number that it cannot read back: 1e999. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 0)
