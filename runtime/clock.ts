import { uptime } from 'node:os'

/** Where time comes from. It is injected, so that tests and the simulator run on virtual time. */
export interface Clock {
  /** Wall clock, epoch milliseconds: for people and records, never for leases. */
  wallMs(): number
  /** Milliseconds that never decrease. They stop while the machine is suspended. */
  monotonicMs(): number
  /** Milliseconds since boot. They count suspension and ignore the wall clock. */
  bootMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  bootMs: () => uptime() * 1000,
}
