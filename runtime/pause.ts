import { setTimeout as delay } from 'node:timers/promises'

/** Waits for `ms`. An abort of the signal ends the wait early, without an error. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread for `ms`. It is for code that must not give up its turn. */
export function blockThread(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}
