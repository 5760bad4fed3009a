import timers from 'node:timers'

/*
 * Node's clocks and timers, as a task thread found them before it loaded any module of the user. Code that
 * tests something replaces them with its own (fake timers), and may never put them back.
 */

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = timers

export const OwnDate = Date

const clock = performance
export const performanceNow: () => number = clock.now.bind(clock)

export const exitThread: (code: number) => never = process.exit.bind(process)
