import { backoffMs } from '../backoff.js'
import { limits } from '../limits.js'
import type { ProcessExit } from './child-end.js'

export interface RestartSettings {
  readonly firstMs: number
  readonly maxMs: number
  /** A run of this length resets the count of failures. */
  readonly stableMs: number
}

/**
 * Wrong usage or configuration, or a refusal, such as a store of another cluster: the next start would end
 * the same way.
 */
const UNUSABLE_EXIT_CODES: ReadonlySet<number | null> = new Set([2, 4])

export type RestartDecision =
  | { readonly restart: true; readonly delayMs: number; readonly failures: number }
  | { readonly restart: false; readonly reason: string }

export const launcherRestart: RestartSettings = {
  firstMs: limits.launcherRestartFirstMs,
  maxMs: limits.launcherRestartMaxMs,
  stableMs: limits.launcherStableMs,
}

/**
 * Whether and when a process that ended unasked is started again (protocol 19): at once, then after 100 ms,
 * doubling to 5 s. A run of 10 s resets the count. Never after exit 2 or 4. `failures` counts the ends before
 * this one.
 */
export function decideRestart(
  exit: ProcessExit,
  ranMs: number,
  failures: number,
  settings: RestartSettings = launcherRestart,
): RestartDecision {
  if (UNUSABLE_EXIT_CODES.has(exit.code)) {
    return { restart: false, reason: `it cannot run so (exit ${exit.code})` }
  }
  const before = ranMs >= settings.stableMs ? 0 : failures
  const delayMs = before === 0 ? 0 : backoffMs(before - 1, settings.firstMs, settings.maxMs)
  return { restart: true, delayMs, failures: before + 1 }
}
