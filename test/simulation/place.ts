import type { Clock } from '../../runtime/clock.js'
import type { Cancel, TimerSource } from '../../runtime/timers.js'
import type { Machine } from './machine.js'

/** One operating system process. Its events happen only while it lives, and wait while it is frozen. */
export class Place implements Clock, TimerSource {
  readonly name: string
  readonly machine: Machine
  readonly #waiting: (() => void)[] = []
  readonly #onDeath: (() => void)[] = []
  #alive = true
  #frozen = false
  #timers = 0
  /** True time since which it runs. */
  #runsSinceMs: number
  /** Resolves when nothing in it is running any more. */
  settle: (() => Promise<void>) | undefined
  /** Called when it runs something. */
  onTurn: (place: Place) => void = () => {}

  constructor(name: string, machine: Machine) {
    this.name = name
    this.machine = machine
    this.#runsSinceMs = machine.timeline.nowMs
  }

  get alive(): boolean {
    return this.#alive
  }

  get frozen(): boolean {
    return this.#frozen
  }

  /** How long it has been running without a break. */
  get awakeMs(): number {
    return this.#frozen ? 0 : this.machine.timeline.nowMs - this.#runsSinceMs
  }

  /** Timers set and not yet run or cancelled. */
  get timers(): number {
    return this.#timers
  }

  readonly monotonicMs = (): number => this.machine.monotonicMs()
  readonly bootMs = (): number => this.machine.monotonicMs()
  readonly wallMs = (): number => this.machine.wallMs()

  readonly after = (ms: number, fire: () => void): Cancel => this.#after(ms, fire, false)

  /** Like `after`, for events without consequences: nothing waits for what follows. */
  afterQuietly(ms: number, fire: () => void): Cancel {
    return this.#after(ms, fire, true)
  }

  #after(ms: number, fire: () => void, isQuiet: boolean): Cancel {
    this.#timers++
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      this.#timers--
      return true
    }
    const cancel = this.machine.timeline.after(Math.max(0, ms) / this.machine.rate, () => {
      // A frozen process may cancel it when it wakes, before it fires.
      this.#happens(() => {
        if (end()) fire()
      }, isQuiet)
    })
    return () => {
      if (end()) cancel()
    }
  }

  /** Runs it now if the process runs, when it wakes if it is frozen, never if it is dead. */
  happens(run: () => void): void {
    this.#happens(run, false)
  }

  /** Like `happens`, for events without consequences. */
  happensQuietly(run: () => void): void {
    this.#happens(run, true)
  }

  #happens(run: () => void, isQuiet: boolean): void {
    if (!this.#alive) return
    if (this.#frozen) this.#waiting.push(run)
    else {
      if (!isQuiet) this.onTurn(this)
      run()
    }
  }

  later(ms: number, run: () => void): Cancel {
    return this.machine.timeline.after(ms, () => this.happens(run))
  }

  onDeath(run: () => void): void {
    this.#onDeath.push(run)
  }

  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#waiting.length = 0
    for (const run of this.#onDeath.splice(0)) run()
  }

  freeze(): void {
    this.#frozen = true
  }

  /** What came meanwhile is handled one by one, in order. */
  thaw(): void {
    if (!this.#frozen) return
    this.#frozen = false
    this.#runsSinceMs = this.machine.timeline.nowMs
    for (const run of this.#waiting.splice(0)) this.machine.timeline.after(0, () => this.happens(run))
  }
}
