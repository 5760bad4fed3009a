import type { Random } from '../random.js'
import { type ActionKind, actionKinds } from './scheduled-thread.js'

/** Decides what happens next, of what may happen. */
export interface Chooser {
  /** Between two steps. */
  next(kinds: readonly ActionKind[]): number
  /** In the middle of one: false lets it go on without a look at what else may happen. */
  breaksIn(): boolean
  /** In the middle of one: undefined lets it go on. */
  instead(kinds: readonly ActionKind[]): number | undefined
}

/** Each history has its own taste: what it favours, what it lets wait, how often it breaks in. */
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

/** Time passes and threads are killed rarely, beside what they do by themselves. */
const base = (kind: ActionKind): number => (kind === 'time' ? 0.02 : kind === 'kill' ? 0.01 : 1)

/**
 * Every history that departs from the first choice at most `departures` times, one after the other. The first choice
 * is that what goes on goes on, and that threads come before their main thread.
 */
export class SystematicChooser implements Chooser {
  readonly #departures: number
  /** Options, and the one taken, at each choice of the history. */
  readonly #taken: { readonly options: number; readonly choice: number }[] = []
  #at = 0

  constructor(departures: number) {
    this.#departures = departures
  }

  next(kinds: readonly ActionKind[]): number {
    return this.#choose(kinds.length)
  }

  breaksIn(): boolean {
    return true
  }

  instead(kinds: readonly ActionKind[]): number | undefined {
    const choice = this.#choose(kinds.length + 1)
    return choice === 0 ? undefined : choice - 1
  }

  /** Begins the next history; false: there is none. */
  advance(): boolean {
    this.#at = 0
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
    if (options === 1) return 0
    const known = this.#taken[this.#at]
    if (known !== undefined && known.options !== options) throw new Error('a history is not the same twice')
    const choice = known?.choice ?? 0
    if (known === undefined) this.#taken.push({ options, choice })
    this.#at++
    return choice
  }
}
