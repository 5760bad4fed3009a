import { setImmediate as nextTurn } from 'node:timers/promises'
import { limits } from '../limits.js'

/**
 * Runs a generator to its end in slices of `httpSliceMs`. It yields where it may be interrupted. Returns its
 * result, and the time that it took of the event loop.
 */
export async function inSlices<T>(
  work: Generator<void, T, undefined>,
  nowMs: () => number = () => performance.now(),
): Promise<{ readonly result: T; readonly costMs: number }> {
  let costMs = 0
  let fromMs = nowMs()
  for (;;) {
    const { done, value } = work.next()
    const tookMs = nowMs() - fromMs
    if (done) return { result: value, costMs: costMs + tookMs }
    if (tookMs < limits.httpSliceMs) continue
    costMs += tookMs
    await nextTurn()
    fromMs = nowMs()
  }
}
