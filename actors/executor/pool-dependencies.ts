import { systemTimers } from '../../runtime/timers.js'
import { epochNow } from './shared-ring.js'

/** What the pool needs beside its threads. */
export interface PoolDependencies {
  /** The clock of the threads. */
  nowMs(): number
  /** The returned function cancels it. */
  after(ms: number, run: () => void): () => void
  /** Calls `run` after the present call stack. */
  soon(run: () => void): void
}

export const nodeDependencies: PoolDependencies = {
  nowMs: epochNow,
  after: systemTimers.after,
  soon: queueMicrotask,
}
