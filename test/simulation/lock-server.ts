import { LockServerModel } from './lock-server-model.js'
import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Place } from './place.js'
import { SimServer } from './sim-server.js'

/** One lock server, as a process on a network. */
export class LockServer extends SimServer {
  readonly model = new LockServerModel()
  readonly #machine: Machine
  readonly #network: Network

  constructor(name: string, machine: Machine, network: Network) {
    super(name)
    this.#machine = machine
    this.#network = network
  }

  ask<T>(
    from: Place,
    work: (model: LockServerModel, nowMs: number) => T,
    answered: (answer: T | undefined) => void,
  ): void {
    const { timeline } = this.#network
    if (this.#network.isCut(from, this)) return
    timeline.after(this.#network.delayMs(from, this), () =>
      this.arrives(() => this.#execute(from, work, answered)),
    )
  }

  /** Without AOF a restart forgets the lock. */
  override stop(): void {
    super.stop()
    this.model.forget()
  }

  #execute<T>(
    from: Place,
    work: (model: LockServerModel, nowMs: number) => T,
    answered: (answer: T | undefined) => void,
  ): void {
    const answer = this.isUp ? work(this.model, this.#machine.monotonicMs()) : undefined
    if (this.#network.isCut(this, from)) return
    this.#network.timeline.after(this.#network.delayMs(this, from), () =>
      from.happens(() => answered(answer)),
    )
  }
}
