import { setTimeout as delay } from 'node:timers/promises'
import { checkOptions, namesOf } from './check-options.js'

export interface WaitOptions {
  /** Milliseconds until the wait fails; default 60,000: it ends what hangs, and a loaded machine is slow. */
  readonly deadlineMs?: number
  /** Milliseconds between two looks; default 10. */
  readonly everyMs?: number
}

export const waitOptionNames = namesOf<WaitOptions>({ deadlineMs: true, everyMs: true })

/** Throws USAGE. */
export function checkWaitOptions(options: unknown): void {
  checkOptions(options, { what: 'waitUntil()', type: 'WaitOptions', names: waitOptionNames })
}

/**
 * Waits until `condition` returns a truthy value and returns that value. When the deadline passes it fails
 * with `what` and the last error or value, so that a failing test says what it waited for.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  checkWaitOptions(options)
  const { deadlineMs = 60_000, everyMs = 10 } = options
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
