import { decodeError } from '../messages/task-error.js'
import type { Thrown } from './dispatch-types.js'

interface RetryAnswer {
  readonly retry: boolean
  readonly thrown?: Thrown
}

/** The caller's `retryIf` is code of the user: what it throws becomes the error of its task. */
export function retryAnswer(retryIf: ((error: Error) => boolean) | undefined, body: Uint8Array): RetryAnswer {
  if (retryIf === undefined) return { retry: true }
  try {
    const retry: unknown = retryIf(decodeError(body))
    if (typeof retry === 'boolean') return { retry }
    throw new TypeError(`it returned ${shown(retry)}, and must return true or false`)
  } catch (error) {
    return { retry: false, thrown: { error } }
  }
}

const shown = (value: unknown): string =>
  value instanceof Promise
    ? 'a promise'
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value)
