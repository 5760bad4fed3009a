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

/**
 * The newest messages that passed a relay. Recording keeps two references and builds nothing; what is shown is
 * made when somebody looks.
 */
export class TraceRing {
  readonly size: number
  readonly #envelopes: (Envelope | undefined)[]
  readonly #at: Float64Array
  #next = 0
  /** How often it began anew at its first slot. */
  #laps = 0

  constructor(size: number = limits.traceRing) {
    this.size = Math.max(1, size)
    this.#envelopes = new Array(this.size).fill(undefined)
    this.#at = new Float64Array(this.size)
  }

  /** Messages recorded so far; a cursor is a value of this. */
  get #recorded(): number {
    return this.#laps * this.size + this.#next
  }

  /** What tracing itself sends is left out: a trace that is followed would push everything else out of the ring. */
  record(envelope: Envelope, atMs: number): void {
    if (isTracing(envelope.message.type)) return
    const slot = this.#next
    this.#envelopes[slot] = light(envelope)
    this.#at[slot] = atMs
    if (slot + 1 < this.size) this.#next = slot + 1
    else {
      this.#next = 0
      this.#laps++
    }
  }

  /** It was sent only now, and is larger than what a trace shows: the ring need not keep it alive. */
  shorten(envelope: Envelope): void {
    const slot = (this.#next + this.size - 1) % this.size
    if (this.#envelopes[slot] === envelope) this.#envelopes[slot] = light(envelope)
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

  /**
   * The next of the messages that a query asks for, oldest first, at most `traceChunkEntries` of at most
   * `traceChunkBytes`, among the next `traceChunkLooks`: the rest is a question of its own.
   */
  read(query: TraceQuery, nowMs: number): TraceBatch {
    const recorded = this.#recorded
    const oldest = Math.max(0, recorded - this.size)
    const sinceMs = query.sinceAgoMs === undefined ? Number.NEGATIVE_INFINITY : nowMs - query.sinceAgoMs
    const wanted = filterOf(query, sinceMs)
    const records: TraceRecord[] = []
    const room = new ChunkRoom()
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
      if (!room.takes(record) && records.length > 0) break
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

  /** Messages overwritten before this query came, though it would have looked at them. */
  #dropped({ afterCursor }: TraceQuery, oldest: number, sinceMs: number): number {
    if (afterCursor !== undefined) return Math.max(0, oldest - afterCursor)
    return oldest > 0 && (this.#at[oldest % this.size] as number) > sinceMs ? oldest : 0
  }

  *#slots(): Generator<number> {
    if (this.#laps > 0) for (let slot = this.#next; slot < this.size; slot++) yield slot
    for (let slot = 0; slot < this.#next; slot++) yield slot
  }
}

/**
 * What the ring keeps: of a message over `tracePayloadBytes` its type and size, so that ten thousand messages as large as
 * a link carries do not fill the memory.
 */
function light(envelope: Envelope): Envelope {
  const { bytes = 0, message } = envelope
  if (bytes <= limits.tracePayloadBytes) return envelope
  return { ...envelope, message: { type: message.type, cut: `${bytes} bytes` } as Envelope['message'] }
}

/** What a record has beside its paths, its type and its payload, about. */
const RECORD_BYTES = 64
const RECORD_ITEMS = 16

/** Of one answer: its bytes, and its values, which a reader bounds as well. */
class ChunkRoom {
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

/** What peers wrote into their envelopes is not believed: one odd message must not spoil a whole answer. */
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

/** JSON can write numbers that it cannot read: 1e999. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 0)
