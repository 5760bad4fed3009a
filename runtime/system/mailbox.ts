import { innerLimits } from '../inner-limits.js'

const smallest = innerLimits.mailboxSlotsFirst
const keptSlots = innerLimits.mailboxSlotsKept

/** A queue in a ring of slots that doubles. Push and shift cost a few nanoseconds and allocate nothing. */
export class Mailbox<T extends object> {
  #slots: (T | undefined)[] = new Array(smallest).fill(undefined)
  #mask = smallest - 1
  #head = 0
  size = 0

  push(item: T): void {
    if (this.size > this.#mask) this.#grow()
    this.#slots[(this.#head + this.size) & this.#mask] = item
    this.size++
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    this.size--
    return item
  }

  /** Takes out the oldest item that may be dropped. The items before it keep their order. */
  dropOldest(droppable: (item: T) => boolean): T | undefined {
    for (let at = 0; at < this.size; at++) {
      const item = this.#slots[(this.#head + at) & this.#mask] as T
      if (!droppable(item)) continue
      for (let back = at; back > 0; back--) {
        this.#slots[(this.#head + back) & this.#mask] = this.#slots[(this.#head + back - 1) & this.#mask]
      }
      this.shift()
      return item
    }
    return undefined
  }

  /** Frees the memory of a past burst. Call it when nothing is queued. */
  shrink(): void {
    if (this.size > 0 || this.#mask < keptSlots) return
    this.#slots = new Array(smallest).fill(undefined)
    this.#mask = smallest - 1
    this.#head = 0
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Array<T | undefined>(old.length * 2).fill(undefined)
    for (let at = 0; at < this.size; at++) slots[at] = old[(this.#head + at) & this.#mask]
    this.#slots = slots
    this.#mask = slots.length - 1
    this.#head = 0
  }
}
