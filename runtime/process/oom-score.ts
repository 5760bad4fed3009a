import { readFileSync, writeFileSync } from 'node:fs'
import { limits } from '../limits.js'

/** `oom_score_adj` of a process, as the kernel says it; undefined: it does not say. */
export function oomScoreOf(pid: number | 'self'): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'))
  } catch {
    return undefined
  }
}

/**
 * When memory runs out, the kernel then kills this process, and what it starts, before a node or a guard: a
 * Worker that is killed takes all its work along. A kernel that does not allow it changes nothing.
 */
export function preferForOomKill(pid: number): void {
  const own = oomScoreOf('self')
  if (own === undefined) return
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(1000, own + limits.workOomScoreAdj)))
  } catch {
    // It has ended, or belongs to another user.
  }
}
