import { innerLimits } from '../../runtime/inner-limits.js'

/**
 * The error objects with which tasks of this thread have failed. The same object again says that the thread
 * remembers a failure, as Node does with an import: all later tasks that come to that place fail as well, and
 * fast.
 */
export class ThrownErrors {
  readonly #known = new WeakSet<object>()

  /** True: a task here has failed with this object before, or with an error that it has caused. */
  isKnown(error: unknown): boolean {
    const chain: object[] = []
    for (let at = error; at instanceof Error && chain.length < innerLimits.errorCauses; at = at.cause)
      chain.push(at)
    const isKnown = chain.some((at) => this.#known.has(at))
    for (const at of chain) this.#known.add(at)
    return isKnown
  }
}
