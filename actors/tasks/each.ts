import { Deque } from './deque.js'
import { type Inputs, TaskCall, type TaskOutput, type Unread } from './task-call.js'
import type { CallOptions } from './task-options.js'
import type { TaskPool } from './task-pool-types.js'

/** `attempts` counts how often the task was given to an executor. 0: its input was refused. */
export type EachResult<I, O> =
  | { readonly index: number; readonly input: I; readonly value: O; readonly error?: undefined }
  | {
      readonly index: number
      readonly input: I
      readonly value?: undefined
      readonly error: Error
      readonly attempts: number
    }

/**
 * Runs `fn` once for each input and yields results as tasks end. A failed task never throws. The iterator
 * throws only for an error of the inputs' own iterator, an aborted signal or a closed application. Leaving
 * the loop cancels the rest.
 */
export function each<I, O>(
  pool: TaskPool,
  fn: (input: I) => Promise<O>,
  inputs: Inputs<I>,
  options: CallOptions<I> = {},
): AsyncIterableIterator<EachResult<I, O>> {
  const call = new TaskCall<I>(pool, fn, inputs, { what: 'each()', options }, new AsEnded<I>())
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next(): Promise<IteratorResult<EachResult<I, O>>> {
      const ended = await call.next()
      if (ended === undefined) return { done: true, value: undefined }
      const { index, input, attempts, result } = ended
      if ('error' in result) return { done: false, value: { index, input, error: result.error, attempts } }
      return { done: false, value: { index, input, value: result.value as O } }
    },
    async return(): Promise<IteratorResult<EachResult<I, O>>> {
      call.end('the loop that read the results was left')
      return { done: true, value: undefined }
    },
  }
}

class AsEnded<I> implements TaskOutput<I> {
  readonly endsAtFailure = false
  readonly #waiting = new Deque<Unread<I>>()

  get size(): number {
    return this.#waiting.size
  }

  add(ended: Unread<I>): void {
    this.#waiting.push(ended)
  }

  take(): Unread<I> | undefined {
    return this.#waiting.shift()
  }
}
