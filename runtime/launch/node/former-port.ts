import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { sleep, systemTimers, type TimerSource } from '../../timers.js'

/**
 * Opens a port that the former process of this node had a moment ago. The kernel may have given it to a
 * connection of any other program meanwhile, so it is tried for a while. A Worker that gave up would lose the
 * work that it has just taken back. `onTaken` is called once. Rejects with the last error of `open`, and at
 * once unless that is PORT_IN_USE.
 */
export async function openAgain<T>(
  open: () => Promise<T>,
  onTaken: (error: Error) => void,
  timers: TimerSource = systemTimers,
): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += innerLimits.formerPortLookMs) {
    try {
      return await open()
    } catch (error) {
      if (!isFiresteelError(error, 'PORT_IN_USE') || waitedMs >= innerLimits.formerPortMs) throw error
      if (waitedMs === 0) onTaken(error)
    }
    await sleep(innerLimits.formerPortLookMs, timers)
  }
}
