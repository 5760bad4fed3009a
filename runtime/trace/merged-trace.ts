import { limits } from '../limits.js'
import { ActorNames } from './actor-names.js'
import { authorityOf } from './actor-path.js'
import { causalOrder, type ProcessTrace, type Sighting } from './causal-order.js'
import type { TraceRecord } from './record.js'

/** One message of a cluster. */
export interface TracedMessage {
  /** Epoch milliseconds by the clock of the process that merged the traces. */
  readonly atMs: number
  readonly id: number
  readonly from: string
  readonly to: string
  readonly message: string
  /** Leadership under which its sender acted. */
  readonly epoch: number
  readonly trace: number
  readonly parent: number | undefined
  /** Its size on the link, if it crossed one and its sender reported it. */
  readonly bytes: number | undefined
  /** How long its receiver worked on it. */
  readonly tookUs: number | undefined
  /** Its receiver did not act on it. */
  readonly refused?: true | undefined
  readonly payload?: unknown
}

/**
 * The messages of all processes in one causal order, taken once, or part by part while a trace is followed.
 * Pure but for what it remembers.
 */
export class MergedTrace {
  readonly #names = new ActorNames()
  readonly #hidden: ReadonlySet<string>
  readonly #hiddenPlaces = new Set<string>()
  readonly #waiting = new Map<string, ProcessTrace>()
  /** Sending times of the messages that were shown, by id, oldest first. */
  readonly #told = new Map<number, number>()
  readonly #remembered: number

  /** `hidden`: incarnations whose own traffic is left out, such as that of the process that asks. */
  constructor(hidden: Iterable<string> = [], remembered: number = limits.traceRemembered) {
    this.#hidden = new Set(hidden)
    this.#remembered = remembered
  }

  /** Adds what a process has recorded since it was asked last. Its offset is the newest known. */
  add({ incarnation, offsetMs, records }: ProcessTrace): void {
    this.#names.learn(incarnation, records)
    for (const { peer, from } of records) {
      if (peer !== undefined && this.#hidden.has(peer)) this.#hiddenPlaces.add(authorityOf(from))
    }
    const before = this.#waiting.get(incarnation)?.records ?? []
    this.#waiting.set(incarnation, { incarnation, offsetMs, records: [...before, ...records] })
  }

  /** The next part: messages sent up to `untilMs` by our clock, in causal order. */
  take(untilMs: number = Number.POSITIVE_INFINITY): TracedMessage[] {
    const processes = [...this.#waiting.values()].map((process) => ({
      ...process,
      records: process.records.filter((record) => this.#isNew(record)),
    }))
    const merged = causalOrder(processes, this.#told)
    const end = merged.findIndex(({ atMs }) => atMs > untilMs)
    const mergedTrace = end < 0 ? merged : merged.slice(0, end)
    for (const { sent, received } of merged)
      if (sent && received) this.#names.met(received.by, sent.record.to)
    const told = new Set(mergedTrace.map(({ id }) => id))
    for (const sighting of mergedTrace) this.#remember(sighting)
    for (const process of processes) {
      const records = process.records.filter(({ id }) => !told.has(id))
      this.#waiting.set(process.incarnation, { ...process, records })
    }
    return mergedTrace.map((sighting) => this.#messageOf(sighting))
  }

  /**
   * Processes that others received messages from but that gave no trace: incarnation, and path of one of its
   * actors.
   */
  absent(): { readonly incarnation: string; readonly path: string }[] {
    return this.#names
      .absent()
      .filter(({ incarnation }) => !this.#hidden.has(incarnation))
      .map(({ incarnation, path }) => ({ incarnation, path: this.#names.rename(path, incarnation) }))
  }

  #isNew({ id, peer, to, direction }: TraceRecord): boolean {
    if (this.#told.has(id)) return false
    if (peer !== undefined && this.#hidden.has(peer)) return false
    return direction !== 'out' || !this.#hiddenPlaces.has(authorityOf(to))
  }

  #remember({ id, atMs, sent, received }: Sighting): void {
    this.#told.set(id, atMs)
    if (sent && received?.record.peer !== undefined) this.#names.accounted(received.record.peer)
    if (this.#told.size <= this.#remembered) return
    const [oldest] = this.#told.keys()
    this.#told.delete(oldest!)
  }

  #messageOf({ id, atMs, sent, received }: Sighting): TracedMessage {
    const { record } = (sent ?? received)!
    const { trace, parent, message, epoch } = record
    const payload = record.payload ?? received?.record.payload
    return {
      atMs,
      id,
      // Each side knows its own name best.
      from: sent ? this.#names.rename(record.from, sent.by) : this.#names.rename(record.from, ''),
      to: received
        ? this.#names.rename(received.record.to, received.by)
        : this.#names.rename(record.to, record.direction === 'local' ? sent!.by : ''),
      message,
      epoch,
      trace,
      parent,
      bytes: sent?.record.bytes ?? received?.record.bytes,
      tookUs: received ? received.record.tookUs : sent?.record.tookUs,
      ...((received ?? sent)?.record.refused && { refused: true }),
      ...(payload !== undefined && { payload }),
    }
  }
}
