import { innerLimits } from '../../runtime/inner-limits.js'

/**
 * The error objects with which the tasks of one function have failed in this thread, since one of them ended
 * well. The same object again, of a task that began after that, says that the thread remembers a failure, as
 * Node does with an import: all later tasks that come to that place fail as well, and fast.
 */
export class ThrownErrors {
  readonly #known = new WeakMap<object, number>()

  /**
   * True: a task has failed with this object, or with an error that it has caused, before this one began.
   * `ended` is the number of tasks of the thread that have ended with this one, and `began` that number when
   * this one began.
   */
  isRepeated(error: unknown, { began, ended }: { readonly began: number; readonly ended: number }): boolean {
    const chain = chainOf(error)
    const isRepeated = chain.some((at) => (this.#known.get(at) ?? ended) <= began)
    for (const at of chain) if (!this.#known.has(at)) this.#known.set(at, ended)
    return isRepeated
  }
}

/** The error and its causes, up to where the program's own getters and traps throw. */
function chainOf(error: unknown): object[] {
  const chain: object[] = []
  try {
    for (let at = error; at instanceof Error && chain.length < innerLimits.errorCauses; at = at.cause)
      chain.push(at)
  } catch {
    // What cannot be read ends the chain.
  }
  return chain
}
