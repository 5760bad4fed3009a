import type { Cancel } from '../../runtime/timers.js'

interface Due {
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

/**
 * Events in order of one true time that no process of the cluster can read. Events of equal time happen in
 * the order in which they were set.
 */
export class Timeline {
  readonly #heap: Due[] = []
  #nowMs = 0
  #order = 0
  #cancelled = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that wait. */
  get size(): number {
    return this.#heap.length - this.#cancelled
  }

  at(atMs: number, run: () => void): Cancel {
    const due: Due = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run }
    this.#push(due)
    return () => {
      if (due.run === undefined) return
      due.run = undefined
      this.#cancelled++
    }
  }

  after(ms: number, run: () => void): Cancel {
    return this.at(this.#nowMs + ms, run)
  }

  /** The next event by `untilMs`. Time moves to it, or without one to `untilMs`. */
  next(untilMs: number): (() => void) | undefined {
    for (;;) {
      const due = this.#heap[0]
      if (due === undefined || due.atMs > untilMs) {
        this.#nowMs = untilMs
        return undefined
      }
      this.#pop()
      if (due.run === undefined) {
        this.#cancelled--
        continue
      }
      this.#nowMs = due.atMs
      const { run } = due
      due.run = undefined
      return run
    }
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const isBefore = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
