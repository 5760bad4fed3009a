import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { sleep, systemTimers, type TimerSource } from '../../timers.js'

export interface OpenAgainOptions {
  /** How long it may still take. */
  readonly leftMs: () => number
  /** Called once, before the first wait. */
  readonly onTaken: (error: Error) => void
  readonly timers?: TimerSource
}

/**
 * Opens a port that the former process of this node had a moment ago. The kernel may have given it to a
 * connection of any other program meanwhile, so it is tried until no time is left. A Worker that gave up
 * would lose the work that it has just taken back. Rejects with the last error of `open`, and at once unless
 * that is PORT_IN_USE.
 */
export async function openAgain<T>(
  open: () => Promise<T>,
  { leftMs, onTaken, timers = systemTimers }: OpenAgainOptions,
): Promise<T> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await open()
    } catch (error) {
      if (!isFiresteelError(error, 'PORT_IN_USE') || leftMs() <= 0) throw error
      if (isFirst) onTaken(error)
    }
    await sleep(innerLimits.formerPortLookMs, timers)
  }
}
