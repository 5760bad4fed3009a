import type { FunctionEntry } from '../messages/task-entries.js'
import type { FunctionRef } from './task-pool-types.js'

/** Numbers the task functions of an application, so that a task names its function in a few bytes. */
export class FunctionTable {
  readonly #entries: FunctionEntry[] = []
  readonly #ids = new Map<string, number>()
  /** Keyed by the caller's own object, so that no key has to be built for each task. */
  readonly #idsOfRefs = new WeakMap<FunctionRef, number>()

  idOf(ref: FunctionRef): number {
    const seen = this.#idsOfRefs.get(ref)
    if (seen !== undefined) return seen
    const { url, name } = ref
    const key = `${name} ${url}`
    const functionId = this.#ids.get(key) ?? this.#entries.length
    if (functionId === this.#entries.length) this.#entries.push({ functionId, url, name })
    this.#ids.set(key, functionId)
    this.#idsOfRefs.set(ref, functionId)
    return functionId
  }

  /** `functionId` is from `idOf`. */
  entry(functionId: number): FunctionEntry {
    return this.#entries[functionId] as FunctionEntry
  }
}
