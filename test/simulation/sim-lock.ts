import type { LeaderLock } from '../../actors/election/leader-lock.js'
import { attemptMs } from '../../actors/election/lease.js'
import { FiresteelError } from '../../runtime/errors.js'
import { LockServerModel } from './lock-server-model.js'
import type { Machine } from './machine.js'
import type { Network } from './network.js'
import type { Place } from './place.js'
import type { Random } from './random.js'

/** One lock server, as a process on a network. */
export class LockServer {
  readonly name: string
  readonly model = new LockServerModel()
  readonly #machine: Machine
  readonly #network: Network
  readonly #frozen: (() => void)[] = []
  readonly #connected = new Set<() => void>()
  #state: 'up' | 'down' | 'frozen' = 'up'

  constructor(name: string, machine: Machine, network: Network) {
    this.name = name
    this.#machine = machine
    this.#network = network
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  ask<T>(
    from: Place,
    work: (model: LockServerModel, nowMs: number) => T,
    answered: (answer: T | undefined) => void,
  ): void {
    const { timeline } = this.#network
    if (this.#network.isCut(from, this)) return
    timeline.after(this.#network.delayMs(from, this), () => this.#execute(from, work, answered))
  }

  /** Without AOF a restart forgets the lock. */
  stop(): void {
    this.#state = 'down'
    this.#frozen.length = 0
    this.model.forget()
  }

  start(): void {
    this.#state = 'up'
    for (const told of [...this.#connected]) told()
  }

  freeze(): void {
    this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'up'
    for (const run of this.#frozen.splice(0)) run()
  }

  onReconnected(told: () => void): () => void {
    this.#connected.add(told)
    return () => void this.#connected.delete(told)
  }

  #execute<T>(
    from: Place,
    work: (model: LockServerModel, nowMs: number) => T,
    answered: (answer: T | undefined) => void,
  ): void {
    if (this.#state === 'frozen') {
      this.#frozen.push(() => this.#execute(from, work, answered))
      return
    }
    const answer = this.#state === 'up' ? work(this.model, this.#machine.monotonicMs()) : undefined
    if (this.#network.isCut(this, from)) return
    this.#network.timeline.after(this.#network.delayMs(this, from), () =>
      from.happens(() => answered(answer)),
    )
  }
}

/** Redlock's algorithm over simulated servers: a majority, or nothing. Each call ends within lease/4. */
export class SimLock implements LeaderLock {
  readonly #place: Place
  readonly #servers: readonly LockServer[]
  readonly #leaseMs: number
  readonly #random: Random

  constructor(place: Place, servers: readonly LockServer[], leaseMs: number, random: Random) {
    this.#place = place
    this.#servers = servers
    this.#leaseMs = leaseMs
    this.#random = random
  }

  async remainingMs(): Promise<number> {
    const answers = await this.#ask((model, nowMs) => model.remainingMs(nowMs))
    return answers.sort((a, b) => a - b)[this.#majority - 1] ?? 0
  }

  async acquire(): Promise<string | undefined> {
    const value = this.#random.hex(32)
    const answers = await this.#ask(
      (model, nowMs) => model.set(value, this.#leaseMs, nowMs),
      () => void this.release(value),
    )
    if (answers.filter((got) => got).length >= this.#majority) return value
    void this.release(value)
    return undefined
  }

  async extend(value: string): Promise<boolean> {
    const answers = await this.#ask((model, nowMs) => model.extend(value, this.#leaseMs, nowMs))
    return answers.filter((held) => held).length >= this.#majority
  }

  async release(value: string): Promise<void> {
    await this.#ask((model) => model.release(value)).catch(() => {})
  }

  get #majority(): number {
    return Math.floor(this.#servers.length / 2) + 1
  }

  /** All answers, once a majority has answered and the others had a moment; rejects without a majority. */
  #ask<T>(work: (model: LockServerModel, nowMs: number) => T, onLate?: () => void): Promise<T[]> {
    return new Promise((resolve, reject) => {
      const answers: T[] = []
      let missing = this.#servers.length
      let isOver = false
      const end = (settle: () => void): void => {
        if (isOver) return
        isOver = true
        cancel()
        settle()
      }
      const none = (): void => {
        onLate?.()
        reject(new FiresteelError('STORE_UNAVAILABLE', 'no majority of lock servers answers'))
      }
      const cancel = this.#place.after(attemptMs(this.#leaseMs), () =>
        end(answers.length >= this.#majority ? () => resolve(answers) : none),
      )
      for (const server of this.#servers) {
        server.ask(this.#place, work, (answer) => {
          missing--
          if (answer !== undefined) answers.push(answer)
          if (missing === 0) end(answers.length >= this.#majority ? () => resolve(answers) : none)
        })
      }
    })
  }
}
