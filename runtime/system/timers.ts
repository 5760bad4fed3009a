/** Ends a timer; harmless afterwards. */
export type Cancel = () => void

/** Where timers come from. Injected, so that tests run on virtual time. */
export interface TimerSource {
  /** Runs `fire` once, `ms` from now. */
  after(ms: number, fire: () => void): Cancel
}

/** Node fires at once what is set further ahead than this. */
const longestMs = 2 ** 31 - 1

export const systemTimers: TimerSource = {
  after(ms, fire) {
    let left = ms
    let handle: NodeJS.Timeout
    const arm = () => {
      const step = Math.min(left, longestMs)
      left -= step
      handle = setTimeout(left > 0 ? arm : fire, step)
    }
    arm()
    return () => clearTimeout(handle)
  },
}
