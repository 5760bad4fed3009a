import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { AttemptKey } from '../messages/task-entries.js'

/** One attempt of a task that the driver gave to this executor. */
export interface Attempt extends AttemptKey {
  readonly functionId: number
  /** Milliseconds; 0: no timeout. */
  readonly timeoutMs: number
  /** The span that it belongs to. */
  readonly trace?: TraceContext | undefined
  readonly input: Uint8Array
  state: 'queued' | 'posted' | 'ended'
  /** True: its start was reported to the driver. */
  reported: boolean
  /** Its module could not be imported in one thread. It is tried once more, in another thread. */
  importFailed?: true
  /** Set when it was told to end. Its thread is ended at `deadlineMs` (ms of `epochNow`). */
  abort?: { readonly reason: 'cancelled' | 'timeout'; readonly deadlineMs: number }
}
