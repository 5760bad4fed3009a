import { limits } from '../limits.js'
import type { Supervision } from './behavior.js'

export type Decision =
  | { readonly strategy: 'restart'; readonly restartsMs: number[] }
  | { readonly strategy: 'stop' | 'escalate' }

/** Decides what a failure at `nowMs` leads to, given the times of earlier restarts. */
export function decide(supervision: Supervision, restartsMs: readonly number[], nowMs: number): Decision {
  const { strategy, intensity = limits.actorRestarts, periodMs = limits.actorRestartPeriodMs } = supervision
  if (strategy !== 'restart') return { strategy }
  const recent = restartsMs.filter((at) => nowMs - at < periodMs)
  if (recent.length >= intensity) return { strategy: 'escalate' }
  return { strategy, restartsMs: [...recent, nowMs] }
}
