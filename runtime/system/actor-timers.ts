import type { ActorCell } from './actor-cell.js'
import type { Timers } from './behavior.js'
import type { Kernel } from './kernel.js'
import type { Recall } from './local-envelope.js'
import type { Message } from './ref.js'
import type { Cancel } from './timers.js'

interface Entry extends Recall {
  cancel: Cancel
  live: boolean
  queued: boolean
}

/** The timers of one incarnation of an actor. */
export class ActorTimers implements Timers<Message> {
  readonly #kernel: Kernel
  readonly #cell: ActorCell
  readonly #entries = new Map<string, Entry>()
  closed = false

  constructor(kernel: Kernel, cell: ActorCell) {
    this.#kernel = kernel
    this.#cell = cell
  }

  start(key: string, ms: number, message: Message, { repeat = false }: { repeat?: boolean } = {}): void {
    if (this.closed) return
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
      entry.cancel = this.#kernel.timers.after(ms, fire)
    }
    const fire = () => {
      if (repeat) arm()
      if (!entry.queued) this.#deliver(message, entry)
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

  /** Each tick begins a trace: else a heartbeat would be one that never ends. */
  #deliver(message: Message, entry: Entry): void {
    entry.queued = true
    const { relay } = this.#kernel
    const { path } = this.#cell
    relay.pass(relay.stamp(path, path, message, undefined, { recall: entry }), this.#cell)
  }
}
