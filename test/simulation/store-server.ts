import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import { SimServer } from './sim-server.js'
import type { StoreModel, StoreState } from './store-model.js'

/** The result of a request: an answer, or an unknown outcome. */
export type Answered<T> = { readonly answer: T } | undefined

const SAVED = 64

/**
 * The Redis that holds the data, as a process on a network: requests and answers take time, get lost, and
 * come late. The store model defines what it holds and how it compares.
 */
export class StoreServer extends SimServer {
  readonly machine: Machine
  readonly model: StoreModel
  readonly presence = new Map<string, Set<Place>>()
  readonly #network: Network
  readonly #random: Random
  readonly #saved: StoreState[] = []
  slowMs = 0
  /** It may lose writes. */
  falls = false
  /** Answers that were lost after the work was done. */
  lostAnswers = 0
  /** Requests that are carried out long after their sender gave them up. */
  lateCopies = 0

  constructor(name: string, machine: Machine, model: StoreModel, network: Network, random: Random) {
    super(name)
    this.machine = machine
    this.model = model
    this.#network = network
    this.#random = random
  }

  /** It answers all and carries out nothing late: two lost answers in a row may cost a leader its lock. */
  answerAll(): void {
    this.lostAnswers = 0
    this.lateCopies = 0
  }

  /** Runs `work` at the server. Returns the answer within `timeoutMs`, or undefined. */
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

  /** Its data stays. */
  override stop(): void {
    super.stop()
    this.presence.clear()
  }

  /** Saves its state now and then, so that it can return to it. */
  remember(): void {
    if (!this.falls || !this.#random.chance(0.5)) return
    this.#saved.push(this.model.save())
    if (this.#saved.length > SAVED) this.#saved.splice(this.#random.int(SAVED), 1)
  }

  /** Returns to an earlier state: lost writes, a stale replica, a parallel branch. `newest`: how far back. */
  fall(newest: number): boolean {
    const recent = this.#saved.slice(-newest)
    if (recent.length === 0) return false
    // Its state until now is a branch to which it may return.
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
