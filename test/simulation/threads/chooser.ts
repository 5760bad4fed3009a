import type { Random } from '../random.js'
import { type ActionKind, actionKinds } from './scheduled-thread.js'

/** Decides which of the possible steps happens next. */
export interface Chooser {
  /** Between two steps. */
  next(kinds: readonly ActionKind[]): number
  /** In the middle of a step: false lets it go on without considering others. */
  breaksIn(): boolean
  /** In the middle of a step: undefined lets it go on. */
  instead(kinds: readonly ActionKind[]): number | undefined
}

/** Each history has preferences of its own: what it favours, what it lets wait, how often it interrupts. */
export class RandomChooser implements Chooser {
  readonly #random: Random
  readonly #weights: Readonly<Record<ActionKind, number>>
  readonly #breakIn: number

  constructor(random: Random) {
    this.#random = random
    this.#breakIn = random.pick([0, 0.02, 0.1, 0.4])
    const weights = actionKinds.map((kind) => [kind, random.pick([0.02, 0.3, 1, 1, 1, 5]) * base(kind)])
    this.#weights = Object.fromEntries(weights) as Record<ActionKind, number>
  }

  next(kinds: readonly ActionKind[]): number {
    let sum = 0
    for (const kind of kinds) sum += this.#weights[kind]
    let at = this.#random.next() * sum
    for (let index = 0; index < kinds.length; index++) {
      at -= this.#weights[kinds[index]!]
      if (at < 0) return index
    }
    return kinds.length - 1
  }

  breaksIn(): boolean {
    return this.#random.chance(this.#breakIn)
  }

  instead(kinds: readonly ActionKind[]): number {
    return this.next(kinds)
  }
}

/** Time passes and threads are killed rarely, compared with what they do by themselves. */
const base = (kind: ActionKind): number => (kind === 'time' ? 0.02 : kind === 'kill' ? 0.01 : 1)

/**
 * Every history that departs from the first choice at most `departures` times, one after the other. The first
 * choice lets a running step go on, and prefers threads to their main thread.
 */
export class SystematicChooser implements Chooser {
  readonly #departures: number
  /** At each choice of the history: the options, and the one taken. */
  readonly #taken: { readonly options: number; readonly choice: number }[] = []
  #at = 0
  /** So often it has departed in this history. */
  #departed = 0

  constructor(departures: number) {
    this.#departures = departures
  }

  next(kinds: readonly ActionKind[]): number {
    return this.#choose(kinds.length)
  }

  /** A history that may not depart any more takes the first choice, whatever else there is. */
  breaksIn(): boolean {
    return this.#departed < this.#departures
  }

  instead(kinds: readonly ActionKind[]): number | undefined {
    const choice = this.#choose(kinds.length + 1)
    return choice === 0 ? undefined : choice - 1
  }

  /** Begins the same history once more. */
  repeat(): void {
    this.#at = 0
    this.#departed = 0
  }

  /** Begins the next history; false: there is none. */
  advance(): boolean {
    this.repeat()
    let departed = this.#taken.filter(({ choice }) => choice > 0).length
    for (;;) {
      const last = this.#taken.pop()
      if (last === undefined) return false
      const { options, choice } = last
      if (choice > 0) departed--
      if (choice + 1 >= options || departed >= this.#departures) continue
      this.#taken.push({ options, choice: choice + 1 })
      return true
    }
  }

  #choose(options: number): number {
    if (options === 1 || this.#departed >= this.#departures) return 0
    const known = this.#taken[this.#at]
    if (known !== undefined && known.options !== options) throw new Error('a history is not the same twice')
    const choice = known?.choice ?? 0
    if (known === undefined) this.#taken.push({ options, choice })
    this.#at++
    if (choice > 0) this.#departed++
    return choice
  }
}
