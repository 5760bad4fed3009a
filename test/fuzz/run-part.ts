import { writeFinding } from './finding-file.js'
import { footprint, grown } from './footprint.js'
import { Random } from './random.js'
import type { AnyTarget } from './target.js'
import type { Watchdog } from './watchdog.js'

export interface PartPlan {
  /** Number of the part. With seed and index it decides an input. */
  readonly part: number
  readonly seed: number
  /** Number of the first input. */
  readonly from: number
  readonly inputs: number
  /** The part ends earlier if this time is over. */
  readonly seconds: number
  /** See FuzzOptions. */
  readonly settleMs: number
}

export interface Found {
  readonly what: string
  readonly path: string
}

export interface PartResult {
  readonly name: string
  readonly inputs: number
  readonly seconds: number
  readonly slowestMs: number
  /** How much larger the heap was after the last input than after the first ones. */
  readonly heapBytes: number
  /** Counts what became of the inputs, by words and codes. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly found: readonly Found[]
}

/** More findings of the same kind say nothing new. */
const FOUND_MAX = 5
/** Code, caches and pools grow during the first inputs. */
const WARM_UP = 5000
/** An input of our size that repeatedly takes this long is too slow, even on a busy machine. */
const SLOW_MS = 1000
const SLOW_TRIES = 3
/** How often the event loop gets a turn between inputs that need none. */
const TURN_EVERY = 256
const SAY_EVERY_MS = 20_000

/** Exceptions and rejections that nothing handled, in the order in which they came. */
export const loose: unknown[] = []

export class PartRun {
  readonly #target: AnyTarget
  readonly #plan: PartPlan
  readonly #watchdog: Watchdog
  readonly #say: (line: string) => void
  readonly #outcomes = new Map<string, number>()
  readonly #found: Found[] = []
  #slowestMs = 0
  #done = 0

  constructor(target: AnyTarget, plan: PartPlan, watchdog: Watchdog, say: (line: string) => void) {
    this.#target = target
    this.#plan = plan
    this.#watchdog = watchdog
    this.#say = say
  }

  async run(): Promise<PartResult> {
    const target = this.#target
    const { inputs, seconds, settleMs } = this.#plan
    const beganMs = performance.now()
    const untilMs = beganMs + seconds * 1000
    await target.open?.()
    await this.#many(Math.min(WARM_UP, Math.ceil(inputs / 4)), untilMs)
    const before = await footprint(target)
    await this.#many(inputs, untilMs)
    const tookMs = performance.now() - beganMs
    await this.#look([], [], () => target.settle?.())
    const { what, heapBytes } = await grown(target, before, settleMs)
    if (what !== undefined) this.#report([], what)
    await target.close?.()
    return {
      name: target.name,
      inputs: this.#done,
      seconds: tookMs / 1000,
      slowestMs: this.#slowestMs,
      heapBytes,
      outcomes: this.#outcomes,
      found: this.#found,
    }
  }

  /** Runs inputs from a file. */
  async replay(inputs: readonly unknown[]): Promise<readonly Found[]> {
    const target = this.#target
    await target.open?.()
    const { from } = this.#plan
    const indexes = inputs.map((_, at) => from + at)
    for (let at = 0; at < inputs.length; at += target.atOnce) {
      await this.#some(inputs.slice(at, at + target.atOnce), indexes.slice(at, at + target.atOnce))
    }
    await this.#turn(indexes)
    await this.#look([], [], () => target.settle?.())
    await target.close?.()
    return this.#found
  }

  /** Makes the inputs with these numbers again. */
  generate(indexes: readonly number[]): unknown[] {
    const { part, seed } = this.#plan
    return indexes.map((index) => this.#target.generate(new Random(seed, part, index)))
  }

  /** Runs up to the input with this number, or until that time. */
  async #many(until: number, untilMs: number): Promise<void> {
    const { atOnce, name } = this.#target
    let saidMs = performance.now()
    let turnFrom = this.#done
    while (this.#done < until && this.#found.length < FOUND_MAX) {
      const nowMs = performance.now()
      if (nowMs > untilMs) break
      if (nowMs - saidMs > SAY_EVERY_MS) {
        saidMs = nowMs
        this.#say(`${name}: ${this.#done} inputs`)
      }
      const first = this.#plan.from + this.#done
      const indexes = Array.from({ length: Math.min(atOnce, until - this.#done) }, (_, at) => first + at)
      const some = this.#some(this.generate(indexes), indexes)
      // Do not await an input that finished at once: the await would cost as much as the input.
      if (some !== undefined) await some
      this.#done += indexes.length
      if (some === undefined && this.#done - turnFrom < TURN_EVERY) continue
      await this.#turn(this.#numbers(turnFrom))
      turnFrom = this.#done
    }
    await this.#turn(this.#numbers(turnFrom))
  }

  /** The numbers of the inputs since this many were done. */
  #numbers(since: number): number[] {
    return Array.from({ length: this.#done - since }, (_, at) => this.#plan.from + since + at)
  }

  /** Gives the event loop a turn, so that unhandled errors appear. They belong to one of these inputs. */
  async #turn(indexes: readonly number[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    for (const error of loose.splice(0)) {
      this.#report(indexes, `nobody took charge of ${textOf(error)}`, this.generate(indexes))
    }
  }

  /** Returns a promise only if the target does. */
  #some(inputs: readonly unknown[], indexes: readonly number[]): Promise<void> | undefined {
    this.#watchdog.running(this.#plan.part, indexes[0] ?? 0, indexes.length)
    const beganMs = performance.now()
    const done = (): Promise<void> | undefined => {
      this.#watchdog.idle()
      const tookMs = performance.now() - beganMs
      if (tookMs > this.#slowestMs) this.#slowestMs = tookMs
      return tookMs > SLOW_MS && inputs.length === 1 ? this.#slow(inputs, indexes) : undefined
    }
    try {
      const outcomes = this.#target.run(inputs)
      if (outcomes instanceof Promise) {
        return outcomes
          .then(
            (words) => this.#count(words),
            (error: unknown) => this.#report(indexes, textOf(error), inputs),
          )
          .then(done)
      }
      this.#count(outcomes)
    } catch (error) {
      this.#report(indexes, textOf(error), inputs)
    }
    return done()
  }

  #count(outcomes: readonly string[]): void {
    for (const outcome of outcomes) this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1)
  }

  /** The machine may have stalled, so an input counts as slow only if it is slow every time. */
  async #slow(inputs: readonly unknown[], indexes: readonly number[]): Promise<void> {
    let fastestMs = Number.POSITIVE_INFINITY
    for (let round = 0; round < SLOW_TRIES; round++) {
      const beganMs = performance.now()
      await this.#look(indexes, inputs, () => this.#target.run(inputs))
      fastestMs = Math.min(fastestMs, performance.now() - beganMs)
    }
    if (fastestMs > SLOW_MS) this.#report(indexes, `it takes ${Math.round(fastestMs)} ms`, inputs)
  }

  async #look(indexes: readonly number[], inputs: readonly unknown[], work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#report(indexes, textOf(error), inputs)
    }
  }

  #report(indexes: readonly number[], what: string, inputs: readonly unknown[] = []): void {
    const { seed } = this.#plan
    const part = this.#target.name
    const path = writeFinding({ part, seed, indexes, what, ...(inputs.length > 0 && { inputs }) })
    this.#found.push({ what, path })
    const where = indexes.length === 0 ? 'after the inputs' : `input ${indexes.join(', ')}`
    this.#say(`FOUND ${part}, ${where} of seed ${seed}: ${what}\n  --replay ${path}`)
  }
}

export const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
