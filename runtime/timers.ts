/** Cancels a timer. It does nothing once the timer has fired. */
export type Cancel = () => void

/** Where timers come from. It is injected, so that tests and the simulator run on virtual time. */
export interface TimerSource {
  /** Runs `fire` once, `ms` from now. */
  after(ms: number, fire: () => void): Cancel
}

/** Node fires a timer at once that is set further ahead than this. */
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

/** As `systemTimers`, but what waits keeps no process alive. */
export const unheldTimers: TimerSource = {
  after(ms, fire) {
    const handle = setTimeout(fire, ms).unref()
    return () => clearTimeout(handle)
  },
}

/** Waits for `ms`. */
export function sleep(ms: number, timers: TimerSource): Promise<void> {
  return new Promise((resolve) => timers.after(ms, resolve))
}

/** Waits for the work, but no longer than `ms`. It never rejects: work that fails ends the wait as well. */
export function within(
  work: Promise<unknown>,
  ms: number,
  timers: TimerSource = systemTimers,
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = timers.after(ms, resolve)
    const done = (): void => {
      cancel()
      resolve()
    }
    work.then(done, done)
  })
}

/** The result of the work. It rejects with `late()` if the work takes longer than `ms`. */
export function before<T>(work: Promise<T>, ms: number, timers: TimerSource, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(ms, () => reject(late()))
    work.then(resolve, reject).finally(cancel)
  })
}
