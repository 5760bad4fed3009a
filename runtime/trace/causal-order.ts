import type { TraceRecord } from './record.js'

/** What one process recorded, in its own order. */
export interface ProcessTrace {
  readonly incarnation: string
  /** Its wall clock minus ours. */
  readonly offsetMs: number
  readonly records: readonly TraceRecord[]
}

/** One message, as its sender and its receiver recorded it. At least one of them did. */
export interface Sighting {
  readonly id: number
  /** By our clock, epoch milliseconds; not before its cause. */
  readonly atMs: number
  /** As its sender recorded it; for `local` it is both. */
  readonly sent: Seen | undefined
  readonly received: Seen | undefined
}

export interface Seen {
  readonly by: string
  readonly record: TraceRecord
}

interface Pair {
  sent: Seen | undefined
  received: Seen | undefined
}

interface Head {
  readonly process: number
  readonly atMs: number
}

/**
 * Merges the records of several processes. Each message comes once, at its sending time, after everything
 * that can have caused it (Lamport's happened-before): what its sender sent and received earlier, and its
 * parent. Clocks order independent messages. `earlier`: sending times of the messages of former calls, by id.
 */
export function causalOrder(
  processes: readonly ProcessTrace[],
  earlier: ReadonlyMap<number, number> = new Map(),
): Sighting[] {
  return new Merge(processes, earlier).run()
}

class Merge {
  readonly #processes: readonly ProcessTrace[]
  readonly #earlier: ReadonlyMap<number, number>
  readonly #pairs = new Map<number, Pair>()
  readonly #positions: number[]
  /** Processes whose next record may be shown, the earliest last. */
  readonly #ready: Head[] = []
  /** Id of a message that must come first -> the processes that wait for it. */
  readonly #waiting = new Map<number, Head[]>()
  readonly #shownAtMs = new Map<number, number>()
  readonly #merged: Sighting[] = []

  constructor(processes: readonly ProcessTrace[], earlier: ReadonlyMap<number, number>) {
    this.#processes = processes
    this.#earlier = earlier
    this.#positions = processes.map(() => -1)
    for (const { incarnation, records } of processes) {
      for (const record of records) this.#pair({ by: incarnation, record })
    }
  }

  run(): Sighting[] {
    for (let process = 0; process < this.#processes.length; process++) this.#advance(process)
    for (;;) {
      const head = this.#ready.pop() ?? this.#unblock()
      if (head === undefined) return this.#merged
      const record = this.#headOf(head.process)!
      this.#show(record, head.atMs)
      this.#advance(head.process)
    }
  }

  #pair(seen: Seen): void {
    const { id, direction } = seen.record
    const pair = this.#pairs.get(id) ?? { sent: undefined, received: undefined }
    this.#pairs.set(id, pair)
    if (direction === 'in') pair.received ??= seen
    else pair.sent ??= seen
  }

  #headOf(process: number): TraceRecord | undefined {
    return this.#processes[process]!.records[this.#positions[process]!]
  }

  #advance(process: number): void {
    this.#positions[process]!++
    const record = this.#headOf(process)
    if (record !== undefined) this.#place({ process, atMs: record.at - this.#processes[process]!.offsetMs })
  }

  /** Puts a process among those that may be shown, or among those that wait. */
  #place(head: Head): void {
    const cause = this.#missingCause(this.#headOf(head.process)!)
    if (cause === undefined) {
      this.#ready.splice(placeFor(this.#ready, head), 0, head)
      return
    }
    const waiting = this.#waiting.get(cause)
    if (waiting === undefined) this.#waiting.set(cause, [head])
    else waiting.push(head)
  }

  /** A message that must be shown before this record; undefined: none. */
  #missingCause({ id, parent, direction }: TraceRecord): number | undefined {
    if (this.#shownAtMs.has(id)) return undefined
    if (direction === 'in' && this.#pairs.get(id)?.sent !== undefined) return id
    const isOpen =
      parent !== undefined && parent !== id && this.#pairs.has(parent) && !this.#shownAtMs.has(parent)
    return isOpen ? parent : undefined
  }

  #show({ id, parent }: TraceRecord, atMs: number): void {
    if (this.#shownAtMs.has(id)) return
    const causeAtMs =
      parent === undefined ? undefined : (this.#shownAtMs.get(parent) ?? this.#earlier.get(parent))
    const shownAtMs = Math.max(atMs, causeAtMs ?? atMs)
    this.#shownAtMs.set(id, shownAtMs)
    this.#merged.push({ id, atMs: shownAtMs, ...this.#pairs.get(id)! })
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    for (const head of waiting ?? []) this.#place(head)
  }

  /**
   * The records contradict each other, which those of honest processes never do. The earliest comes first,
   * and nothing is lost.
   */
  #unblock(): Head | undefined {
    let best: { readonly cause: number; readonly head: Head } | undefined
    for (const [cause, heads] of this.#waiting) {
      for (const head of heads) if (best === undefined || isBefore(head, best.head)) best = { cause, head }
    }
    if (best === undefined) return undefined
    const { cause, head } = best
    const rest = this.#waiting.get(cause)!.filter((other) => other !== head)
    if (rest.length > 0) this.#waiting.set(cause, rest)
    else this.#waiting.delete(cause)
    return head
  }
}

const isBefore = (a: Head, b: Head): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.process < b.process)

/** The index in a list whose earliest entry is last. */
function placeFor(list: readonly Head[], head: Head): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(head, list[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
