import { setTimeout as delay } from 'node:timers/promises'

export interface WaitOptions {
  /** Milliseconds until the wait fails; default 60,000: it ends what hangs, and a loaded machine is slow. */
  readonly deadlineMs?: number
  /** Milliseconds between two looks; default 10. */
  readonly everyMs?: number
}

/**
 * Waits until `condition` returns a truthy value and returns that value. When the deadline passes it fails
 * with `what` and the last error or value, so that a failing test says what it waited for.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  { deadlineMs = 60_000, everyMs = 10 }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs
  let last: unknown
  do {
    try {
      last = await condition()
      if (last) return last as NonNullable<T>
    } catch (error) {
      last = error
    }
    await delay(everyMs)
  } while (performance.now() < deadline)
  const seen = last instanceof Error ? last.message : JSON.stringify(last)
  throw new Error(`waited ${deadlineMs} ms for ${what}; last saw: ${seen}`)
}
