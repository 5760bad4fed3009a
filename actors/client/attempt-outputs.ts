import type { LogPlace } from '../messages/status.js'

/* Where in the outputs of a driver each of its attempts begins and ends, pure. */

/** A line of the list that a Worker keeps beside the outputs of a driver. */
export interface WrittenAttempt {
  readonly generation: number
  readonly attempt: number
  /** When it started, by the clock of its Worker. */
  readonly atMs: number
  /** Where its output begins, in bytes ever written. */
  readonly stdout: number
  readonly stderr: number
}

export interface AttemptOutput extends LogPlace {
  readonly generation: number
  readonly attempt: number
  readonly atMs: number
  readonly start: number
  /** Undefined: it is the newest one on its Worker. */
  readonly end: number | undefined
}

/** All attempts of all Workers, oldest first. On one Worker each ends where the next begins. */
export function attemptsInOrder(
  written: ReadonlyMap<LogPlace, readonly WrittenAttempt[]>,
  output: 'stdout' | 'stderr',
): AttemptOutput[] {
  const found: AttemptOutput[] = []
  for (const [place, attempts] of written) {
    for (const [index, { generation, attempt, atMs, [output]: start }] of attempts.entries()) {
      const end = attempts[index + 1]?.[output]
      found.push({ ...place, generation, attempt, atMs, start, end })
    }
  }
  return found.sort((a, b) => a.atMs - b.atMs || a.generation - b.generation || a.attempt - b.attempt)
}

/** The line before the output of an attempt, where there is more than one. */
export const attemptHeader = ({ generation, attempt, atMs, workerId }: AttemptOutput): string =>
  `==> generation ${generation}, attempt ${attempt}, ${new Date(atMs).toISOString()} on ${workerId} <==`
