import { type ChangeDraft, subjectOf } from './change.js'
import type { SavedLedger } from './restart/saved-worker.js'

/**
 * Every launch that this Worker has decided on, started or refused (protocol R6). No generation at or below a
 * decided one is decided again, also after its end. The ledger also keeps ends, to answer a launch or kill
 * that comes again. Its bound is kept by forgetting the oldest ends; live work is never forgotten.
 */
export class LaunchLedger {
  readonly #mostEnds: number
  readonly #generations = new Map<string, number>()
  readonly #executors = new Set<string>()
  readonly #ends = new Map<string, ChangeDraft>()

  constructor(mostEnds: number) {
    this.#mostEnds = mostEnds
  }

  save(): SavedLedger {
    return {
      generations: [...this.#generations],
      executors: [...this.#executors],
      ends: [...this.#ends.values()],
    }
  }

  load({ generations, executors, ends }: SavedLedger): void {
    for (const [driverId, generation] of generations) this.#generations.set(driverId, generation)
    for (const key of executors) this.#executors.add(key)
    for (const end of ends) this.#ends.set(subjectOf(end), end)
  }

  /** The highest generation decided here; 0: none. */
  decidedOf(driverId: string): number {
    return this.#generations.get(driverId) ?? 0
  }

  hasExecutor(appId: string, execId: number): boolean {
    return this.#executors.has(`${appId}/${execId}`)
  }

  decideDriver(driverId: string, generation: number): void {
    this.#generations.set(driverId, Math.max(generation, this.#generations.get(driverId) ?? 0))
  }

  decideExecutor(appId: string, execId: number): void {
    this.#executors.add(`${appId}/${execId}`)
  }

  ended(end: ChangeDraft): void {
    this.#ends.set(subjectOf(end), end)
    if (this.#ends.size <= this.#mostEnds) return
    const [subject, oldest] = this.#ends.entries().next().value!
    this.#ends.delete(subject)
    if (oldest.type === 'ExecutorStateChanged') this.#executors.delete(subject)
    else if (this.#generations.get(oldest.driverId) === oldest.generation)
      this.#generations.delete(oldest.driverId)
  }

  /** By `ID/GENERATION` or `APP/EXEC`. */
  endOf(subject: string): ChangeDraft | undefined {
    return this.#ends.get(subject)
  }
}
