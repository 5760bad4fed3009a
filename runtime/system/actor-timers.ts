import type { Cancel, TimerSource } from '../timers.js'
import type { TimerOptions, Timers } from './behavior.js'
import { type Cause, causeOf } from './envelope.js'
import type { Destination, Recall } from './local-envelope.js'
import type { Message } from './ref.js'
import type { Relay } from './relay.js'

interface Entry extends Recall {
  cancel: Cancel
  live: boolean
  queued: boolean
}

/** What an actor's timers need from their system. */
export interface TimerParts {
  readonly timers: TimerSource
  readonly relay: Relay
}

/** The timers of one incarnation of an actor. */
export class ActorTimers implements Timers<Message> {
  readonly #parts: TimerParts
  readonly #owner: Destination
  readonly #entries = new Map<string, Entry>()
  closed = false

  constructor(parts: TimerParts, owner: Destination) {
    this.#parts = parts
    this.#owner = owner
  }

  start(key: string, ms: number, message: Message, { repeat = false, cause }: TimerOptions = {}): void {
    if (this.closed) return
    const why = cause && causeOf(cause)
    this.cancel(key)
    const entries = this.#entries
    const entry: Entry = {
      cancel: () => {},
      live: true,
      queued: false,
      take() {
        this.queued = false
        if (this.live && !repeat) entries.delete(key)
        return this.live
      },
    }
    const arm = () => {
      entry.cancel = this.#parts.timers.after(ms, fire)
    }
    const fire = () => {
      if (repeat) arm()
      if (!entry.queued) this.#deliver(message, entry, why)
    }
    entries.set(key, entry)
    arm()
  }

  cancel(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.live = false
    entry.cancel()
    this.#entries.delete(key)
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  close(): void {
    this.closed = true
    for (const key of [...this.#entries.keys()]) this.cancel(key)
  }

  /**
   * A tick begins a trace of its own unless it was given a cause. Otherwise all heartbeats would be one trace
   * without end.
   */
  #deliver(message: Message, entry: Entry, cause: Cause | undefined): void {
    entry.queued = true
    const { relay } = this.#parts
    const { path } = this.#owner
    relay.pass(relay.stamp(path, path, message, cause, { recall: entry }), this.#owner)
  }
}
