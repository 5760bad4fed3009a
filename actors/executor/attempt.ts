import type { AttemptKey } from '../messages/tasks.js'

/** One attempt of a task that this executor was given. */
export interface Attempt extends AttemptKey {
  readonly functionId: number
  /** 0: none. */
  readonly timeoutMs: number
  readonly input: Uint8Array
  state: 'queued' | 'posted' | 'ended'
  /** Reported as started. */
  reported: boolean
  /** Its module could not be imported in one thread; it is tried in another. */
  importFailed?: true
  /** Told to end; its thread is given up at this time (ms of `epochNow`). */
  abort?: { readonly reason: 'cancelled' | 'timeout'; readonly deadlineMs: number }
}
