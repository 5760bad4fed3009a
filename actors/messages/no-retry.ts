import { reasonOf, seen } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'

/** It is in the global registry, because a task may import another copy of this package than its executor. */
const brand = Symbol.for('firesteel.task.no-retry')

/**
 * Thrown by a task, or set as the cause of what it throws: its failure is final, whatever `retries` says. The
 * caller gets it as the cause of TASK_FAILED.
 */
export class NoRetry extends Error {
  readonly [brand] = true

  /** What was caught, in place of a text, becomes its cause. */
  constructor(reason: unknown, options?: ErrorOptions) {
    if (typeof reason === 'string') super(reason, options)
    else super(reasonOf(reason), { cause: reason, ...options })
    Object.defineProperty(this, brand, { enumerable: false })
  }
}
Object.defineProperty(NoRetry.prototype, 'name', { value: 'NoRetry', configurable: true, writable: true })

/** `instanceof` would miss errors of another copy of this package. */
export const isNoRetry = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && seen(() => brand in value, false)

/**
 * True: it, or one of its causes, is a NoRetry. It never throws, although getters of the user's errors may.
 */
export function forbidsRetry(thrown: unknown): boolean {
  let error = thrown
  for (let depth = 0; depth <= limits.errorDepth && typeof error === 'object' && error !== null; depth++) {
    if (isNoRetry(error)) return true
    const at = error as { cause?: unknown }
    // What cannot be read forbids nothing.
    error = seen(() => at.cause, undefined)
  }
  return false
}
