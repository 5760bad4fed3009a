import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import { SimServer } from './sim-server.js'
import type { StoreModel, StoreState } from './store-model.js'

/** What a request came to: an answer, or nobody knows. */
export type Answered<T> = { readonly answer: T } | undefined

const SAVED = 64

/**
 * The Redis that holds the data, as a process on a network: requests and answers take time, get lost, come late. What
 * it holds and how it compares is the store model's.
 */
export class StoreServer extends SimServer {
  readonly machine: Machine
  readonly model: StoreModel
  readonly presence = new Map<string, Set<Place>>()
  readonly #network: Network
  readonly #random: Random
  readonly #saved: StoreState[] = []
  slowMs = 0
  /** It may lose what it held. */
  falls = false
  /** An answer gets lost after the work was done. */
  lostAnswers = 0
  /** A request whose asker gave it up is carried out much later. */
  lateCopies = 0

  constructor(name: string, machine: Machine, model: StoreModel, network: Network, random: Random) {
    super(name)
    this.machine = machine
    this.model = model
    this.#network = network
    this.#random = random
  }

  /** Runs `work` at the server; the answer within `timeoutMs`, or undefined. */
  ask<T>(
    from: Place,
    timeoutMs: number,
    work: (model: StoreModel, nowMs: number) => T,
  ): Promise<Answered<T>> {
    return new Promise((resolve) => {
      let isOver = false
      const settle = (answered: Answered<T>): void => {
        if (isOver) return
        isOver = true
        cancel()
        resolve(answered)
      }
      const cancel = from.after(timeoutMs, () => settle(undefined))
      const { timeline } = this.#network
      const arrive = (): void => this.arrives(() => this.#execute(from, work, settle))
      if (this.#network.isCut(from, this)) {
        if (this.#random.chance(this.lateCopies)) timeline.after(this.#random.between(0, 4000), arrive)
        return
      }
      timeline.after(this.#delayMs(from), arrive)
      if (this.#random.chance(this.lateCopies)) timeline.after(this.#random.between(1, 2000), arrive)
    })
  }

  /** What it held stays. */
  override stop(): void {
    super.stop()
    this.presence.clear()
  }

  /** Now and then it remembers what it holds, so that it can fall back to it. */
  remember(): void {
    if (!this.falls || !this.#random.chance(0.5)) return
    this.#saved.push(this.model.save())
    if (this.#saved.length > SAVED) this.#saved.splice(this.#random.int(SAVED), 1)
  }

  /** Falls to a state that it held before: a lost writes, a stale replica, a parallel branch. `newest`: how far back. */
  fall(newest: number): boolean {
    const recent = this.#saved.slice(-newest)
    if (recent.length === 0) return false
    // What it held until now is a branch that it may fall back to.
    const now = this.model.save()
    this.model.restore(this.#random.pick(recent))
    this.#saved.push(now)
    return true
  }

  #execute<T>(
    from: Place,
    work: (model: StoreModel, nowMs: number) => T,
    settle: (answered: Answered<T>) => void,
  ): void {
    const { timeline } = this.#network
    if (!this.isUp) {
      timeline.after(this.#delayMs(from), () => from.happens(() => settle(undefined)))
      return
    }
    const answer = work(this.model, this.machine.wallMs())
    if (this.#network.isCut(this, from) || this.#random.chance(this.lostAnswers)) return
    timeline.after(this.#delayMs(from), () => from.happens(() => settle({ answer })))
  }

  #delayMs(from: Place): number {
    return this.#network.delayMs(from, this) + this.#random.exponential(0.2 + this.slowMs)
  }
}
