import { uptime } from 'node:os'

/** Where time comes from. Injected, so that tests and the simulator run on virtual time. */
export interface Clock {
  /** Wall clock, epoch milliseconds: for people and records, never for leases. */
  wallMs(): number
  /** Milliseconds that only grow; stands still while the machine is suspended. */
  monotonicMs(): number
  /** Milliseconds since boot; counts suspension and ignores the wall clock. */
  bootMs(): number
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  bootMs: () => uptime() * 1000,
}
