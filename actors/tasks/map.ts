import { type Inputs, TaskCall, type TaskOutput, type Unread } from './task-call.js'
import type { CallOptions } from './task-options.js'
import type { TaskPool } from './task-pool-types.js'

/**
 * Runs `fn` once for each input and yields the values in the order of the inputs. A failure at once cancels
 * the tasks of later inputs; it is thrown after the values of earlier ones. Leaving the loop cancels the
 * rest. Inputs are pulled only as there is capacity.
 */
export function map<I, O>(
  pool: TaskPool,
  fn: (input: I) => Promise<O>,
  inputs: Inputs<I>,
  options: CallOptions<I> = {},
): AsyncIterableIterator<O> {
  const call = new TaskCall<I>(pool, fn, inputs, { what: 'map()', options }, new InOrder<I>())
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next(): Promise<IteratorResult<O>> {
      const ended = await call.next()
      if (ended === undefined) return { done: true, value: undefined }
      if ('error' in ended.result) throw ended.result.error
      return { done: false, value: ended.result.value as O }
    },
    async return(): Promise<IteratorResult<O>> {
      call.end('the loop that read the results was left')
      return { done: true, value: undefined }
    },
  }
}

class InOrder<I> implements TaskOutput<I> {
  readonly endsAtFailure = true
  readonly #waiting = new Map<number, Unread<I>>()
  #next = 0

  get size(): number {
    return this.#waiting.size
  }

  add(ended: Unread<I>): void {
    this.#waiting.set(ended.index, ended)
  }

  take(): Unread<I> | undefined {
    const ended = this.#waiting.get(this.#next)
    if (ended !== undefined) this.#waiting.delete(this.#next++)
    return ended
  }
}
