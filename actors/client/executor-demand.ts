import type { IdleExecutor } from '../tasks/dispatch-idle.js'

/** More than any cluster has. */
const UNLIMITED = Number.MAX_SAFE_INTEGER

/**
 * How many executors an application asks for, pure. The program sets a ceiling. Below it the application
 * gives back executors that have been idle for a while, and asks for all again when work comes.
 */
export class ExecutorDemand {
  readonly #idleTimeoutMs: number
  #ceiling: number
  /** What was asked for since something was given back; undefined: the ceiling. */
  #lowered: number | undefined

  /** `ceiling` absent: as many as the cores allow. */
  constructor(ceiling: number | undefined, idleTimeoutMs: number) {
    this.#ceiling = ceiling ?? UNLIMITED
    this.#idleTimeoutMs = idleTimeoutMs
  }

  /** True: the program wants no executor, whatever waits. */
  get wantsNone(): boolean {
    return this.#ceiling === 0
  }

  /** True: it asks for fewer than the program allows, because there was too little work. */
  get isLowered(): boolean {
    return this.#lowered !== undefined && this.#lowered < this.#ceiling
  }

  /** The program sets a total. Returns what to ask for. */
  limit(total: number): number {
    this.#ceiling = total
    this.#lowered = undefined
    return total
  }

  /** Work has come. Returns what to ask for; undefined: that is asked for already. */
  raise(): number | undefined {
    if (!this.isLowered) return undefined
    this.#lowered = undefined
    return this.#ceiling
  }

  /**
   * Executors to give back, of `active` in all: those above the ceiling at once, others after the timeout.
   */
  surplus(active: number, idle: readonly IdleExecutor[]): number[] {
    const excess = active - this.#ceiling
    return [...idle]
      .sort((a, b) => b.idleMs - a.idleMs)
      .filter(({ idleMs }, index) => index < excess || idleMs >= this.#idleTimeoutMs)
      .map(({ execId }) => execId)
  }

  /** So many are left after some were given back. Returns what to ask for. */
  gaveBack(left: number): number {
    this.#lowered = Math.min(left, this.#ceiling)
    return this.#lowered
  }
}
