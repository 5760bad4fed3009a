import { limits } from '../../runtime/limits.js'
import { Deque } from './deque.js'
import { DueHeap } from './due-heap.js'

export type LimitKey = string | number | bigint | boolean

/** What one call allows. */
export interface LimitSettings {
  /** Tasks of one key that have begun and not ended. */
  readonly concurrency: number
  /** Time from one attempt of a key to the next; 0: any. */
  readonly intervalMs: number
  /** The same as `concurrency`, for all keys together. */
  readonly concurrencyOfCall: number
}

/**
 * A task under a limit. `waiting`: its turn has not come. `released`: it may be given to an executor. `sent`:
 * it was given to one, or waits for its next attempt.
 */
export interface Ticket<T> {
  readonly item: T
  readonly key: LimitKey
  state: 'waiting' | 'released' | 'sent' | 'ended'
  /** True: it counts as begun. */
  admitted: boolean
  queue: KeyQueue<T> | undefined
}

/** The tasks of one key. */
class KeyQueue<T> {
  readonly key: LimitKey
  readonly fresh = new Deque<Ticket<T>>()
  /** Tasks that have begun, and wait for the time of a further attempt. */
  readonly again = new Deque<Ticket<T>>()
  /** Tasks that have begun and not ended. */
  admitted = 0
  /** Tasks that are released and not sent yet. */
  released = 0
  /** No attempt before this time. */
  nextMs = Number.NEGATIVE_INFINITY
  isTimed = false
  isListed = false

  constructor(key: LimitKey) {
    this.key = key
  }
}

/** A start that comes late is made up for up to this. */
const CATCH_UP_MS = limits.limitCatchUpMs

/**
 * Lets the tasks of one call begin as its `limit` allows, first come first served within a key. It is pure:
 * the time comes from outside. Attempts of a key are spaced evenly rather than drawn from a bucket of tokens:
 * a bucket that is full lets twice the rate pass in its first second, and a server that counts would refuse
 * that.
 */
export class KeyLimit<T> {
  readonly #settings: LimitSettings
  readonly #queues = new Map<LimitKey, KeyQueue<T>>()
  /** Keys whose time is not yet. Those without tasks are there to be forgotten. */
  readonly #timed = new DueHeap<KeyQueue<T>>()
  /** Keys that wait until the call has a place. */
  readonly #listed = new Deque<KeyQueue<T>>()
  /** Tasks of new keys while as many keys are known as may be. */
  readonly #newcomers = new Deque<Ticket<T>>()
  #admitted = 0
  #held = 0
  #released: T[] = []

  constructor(settings: LimitSettings) {
    this.#settings = settings
  }

  /** Tasks that wait for their turn. */
  get held(): number {
    return this.#held
  }

  /** Number of keys that are known. */
  get keys(): number {
    return this.#queues.size
  }

  /** When `due` is to be called; undefined: nothing waits for a time. */
  get nextMs(): number | undefined {
    return this.#held === 0 ? undefined : this.#timed.nextMs
  }

  /** Takes the tasks that may be given to executors since the last call. */
  take(): readonly T[] {
    if (this.#released.length === 0) return NONE
    const released = this.#released
    this.#released = []
    return released
  }

  enter(item: T, key: LimitKey, nowMs: number): Ticket<T> {
    const ticket: Ticket<T> = { item, key, state: 'waiting', admitted: false, queue: undefined }
    // Forgets keys whose time is over. No timer runs for them.
    this.due(nowMs)
    this.#held++
    if (!this.#queues.has(key) && this.#queues.size >= limits.limitKeys) this.#newcomers.push(ticket)
    else this.#join(ticket, nowMs)
    return ticket
  }

  /** The task was given to an executor. */
  sent(ticket: Ticket<T>, nowMs: number): void {
    const { queue } = ticket
    ticket.state = 'sent'
    const { intervalMs } = this.#settings
    if (queue === undefined || intervalMs === 0) return
    queue.released--
    queue.nextMs = Math.max(queue.nextMs + intervalMs, nowMs + intervalMs - CATCH_UP_MS)
    this.#look(queue, nowMs)
  }

  /** The executor gave it back without an attempt. It may be sent again at once. */
  returned(ticket: Ticket<T>): void {
    ticket.state = 'released'
    if (ticket.queue !== undefined && this.#settings.intervalMs > 0) ticket.queue.released++
  }

  /** The task needs a further attempt. It still counts as begun, and waits for its time. */
  again(ticket: Ticket<T>, nowMs: number): void {
    const { queue } = ticket
    if (queue === undefined) return
    ticket.state = 'waiting'
    this.#held++
    startClock(queue, nowMs)
    queue.again.push(ticket)
    this.#look(queue, nowMs)
  }

  ended(ticket: Ticket<T>, nowMs: number): void {
    const { state, queue } = ticket
    ticket.state = 'ended'
    if (state === 'waiting') this.#held--
    if (queue === undefined) return
    if (state === 'released' && this.#settings.intervalMs > 0) queue.released--
    if (ticket.admitted) {
      queue.admitted--
      this.#admitted--
    }
    this.#look(queue, nowMs)
    this.#lookAtListed(nowMs)
  }

  due(nowMs: number): void {
    for (let queue = this.#timed.take(nowMs); queue !== undefined; queue = this.#timed.take(nowMs)) {
      queue.isTimed = false
      this.#look(queue, nowMs)
    }
  }

  #join(ticket: Ticket<T>, nowMs: number): void {
    let queue = this.#queues.get(ticket.key)
    if (queue === undefined) {
      queue = new KeyQueue(ticket.key)
      this.#queues.set(ticket.key, queue)
    }
    ticket.queue = queue
    startClock(queue, nowMs)
    queue.fresh.push(ticket)
    this.#look(queue, nowMs)
  }

  /** Releases what this key may release now. */
  #look(queue: KeyQueue<T>, nowMs: number): void {
    for (let ticket = this.#nextOf(queue, nowMs); ticket !== undefined; ticket = this.#nextOf(queue, nowMs)) {
      if (!ticket.admitted) {
        ticket.admitted = true
        queue.admitted++
        this.#admitted++
      }
      ticket.state = 'released'
      this.#held--
      if (this.#settings.intervalMs > 0) queue.released++
      this.#released.push(ticket.item)
    }
    if (queue.admitted === 0 && isEmpty(queue.fresh)) this.#forget(queue, nowMs)
  }

  #nextOf(queue: KeyQueue<T>, nowMs: number): Ticket<T> | undefined {
    const { concurrency, intervalMs, concurrencyOfCall } = this.#settings
    if (intervalMs > 0) {
      // One at a time: what is released may have to wait for an executor, and must not begin together with
      // the next.
      if (queue.released > 0) return undefined
      if (queue.nextMs > nowMs) {
        this.#wait(queue)
        return undefined
      }
    }
    if (!isEmpty(queue.again)) return queue.again.shift()
    if (isEmpty(queue.fresh) || queue.admitted >= concurrency) return undefined
    if (this.#admitted < concurrencyOfCall) return queue.fresh.shift()
    if (!queue.isListed) this.#listed.push(queue)
    queue.isListed = true
    return undefined
  }

  #lookAtListed(nowMs: number): void {
    while (this.#admitted < this.#settings.concurrencyOfCall) {
      const queue = this.#listed.shift()
      if (queue === undefined) return
      queue.isListed = false
      this.#look(queue, nowMs)
    }
  }

  #wait(queue: KeyQueue<T>): void {
    if (queue.isTimed) return
    queue.isTimed = true
    this.#timed.add(queue, queue.nextMs)
  }

  /** A key without tasks is remembered until its next attempt would be free. */
  #forget(queue: KeyQueue<T>, nowMs: number): void {
    if (queue.nextMs > nowMs) {
      this.#wait(queue)
      return
    }
    if (this.#queues.get(queue.key) === queue) this.#queues.delete(queue.key)
    while (this.#queues.size < limits.limitKeys && !isEmpty(this.#newcomers))
      this.#join(this.#newcomers.shift() as Ticket<T>, nowMs)
  }
}

const NONE: readonly never[] = []

/** A key that was idle has nothing to make up for. */
function startClock<T>(queue: KeyQueue<T>, nowMs: number): void {
  if (queue.released === 0 && isEmpty(queue.fresh) && isEmpty(queue.again))
    queue.nextMs = Math.max(queue.nextMs, nowMs)
}

/** Drops tasks at its head that have ended while they waited. */
function isEmpty<T>(tickets: Deque<Ticket<T>>): boolean {
  while (tickets.first?.state === 'ended') tickets.shift()
  return tickets.size === 0
}
