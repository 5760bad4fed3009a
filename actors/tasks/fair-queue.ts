import { Deque } from './deque.js'

export interface Grouped {
  readonly group: Group
}

/** One map, each, or the single calls of an application. */
export class Group {
  readonly id: number
  /** Tasks that have not ended. */
  live = 0
  /** Tasks at executors. */
  running = 0

  constructor(id: number) {
    this.id = id
  }
}

/** First in, first out within a group; groups with work take turns. Every operation takes constant time. */
export class FairQueue<T extends Grouped> {
  readonly #lanes = new Map<Group, Deque<T>>()
  readonly #turns = new Deque<Group>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    this.#lane(item.group).push(item)
    this.#size++
  }

  /** Ahead of its own group: for what had its turn already. */
  pushFront(item: T): void {
    this.#lane(item.group).unshift(item)
    this.#size++
  }

  /** What `shift` would give. */
  peek(): T | undefined {
    const group = this.#turns.first
    return group && this.#lanes.get(group)?.first
  }

  shift(): T | undefined {
    const group = this.#turns.shift()
    if (group === undefined) return undefined
    const lane = this.#lanes.get(group) as Deque<T>
    const item = lane.shift()
    this.#size--
    if (lane.size > 0) this.#turns.push(group)
    else this.#lanes.delete(group)
    return item
  }

  #lane(group: Group): Deque<T> {
    const known = this.#lanes.get(group)
    if (known !== undefined) return known
    const lane = new Deque<T>()
    this.#lanes.set(group, lane)
    this.#turns.push(group)
    return lane
  }
}
