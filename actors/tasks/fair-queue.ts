import { Deque } from './deque.js'

export interface Grouped {
  readonly group: Group
}

/** One map, one each, or the single calls of an application. */
export class Group {
  readonly id: number
  /** Tasks that have not ended. */
  live = 0
  /** Tasks that are at executors. */
  running = 0
  /** Those of them that executors have reported as started. */
  started = 0
  /** Tasks that wait for their next attempt. */
  delayed = 0

  constructor(id: number) {
    this.id = id
  }
}

/** First in, first out within a group; groups with work take turns. Every operation takes constant time. */
export class FairQueue<T extends Grouped> {
  readonly #subqueues = new Map<Group, Deque<T>>()
  readonly #turns = new Deque<Group>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    this.#subqueue(item.group).push(item)
    this.#size++
  }

  /** Puts an item at the head of its group, because it had its turn already. */
  pushFront(item: T): void {
    this.#subqueue(item.group).unshift(item)
    this.#size++
  }

  /** The item that `shift` would return. */
  peek(): T | undefined {
    const group = this.#turns.first
    return group && this.#subqueues.get(group)?.first
  }

  shift(): T | undefined {
    const group = this.#turns.shift()
    if (group === undefined) return undefined
    const subqueue = this.#subqueues.get(group) as Deque<T>
    const item = subqueue.shift()
    this.#size--
    if (subqueue.size > 0) this.#turns.push(group)
    else this.#subqueues.delete(group)
    return item
  }

  #subqueue(group: Group): Deque<T> {
    const known = this.#subqueues.get(group)
    if (known !== undefined) return known
    const subqueue = new Deque<T>()
    this.#subqueues.set(group, subqueue)
    this.#turns.push(group)
    return subqueue
  }
}
