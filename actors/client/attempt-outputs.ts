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

/**
 * All attempts of all Workers, oldest first. On one Worker each ends where the next begins. Generations and
 * attempts are counted, while clocks of two Workers may differ.
 */
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
  return found.sort((a, b) => a.generation - b.generation || a.attempt - b.attempt || a.atMs - b.atMs)
}

/** The line before the output of an attempt, where there is more than one. */
export const attemptHeader = ({ generation, attempt, atMs, workerId }: AttemptOutput): string =>
  `==> generation ${generation}, attempt ${attempt}, ${new Date(atMs).toISOString()} on ${workerId} <==`

/** What was given of each attempt so far. */
export class Shown {
  readonly #of = new Map<string, { readonly next: number; readonly whole: boolean }>()

  static same(a: AttemptOutput, b: AttemptOutput): boolean {
    return keyOf(a) === keyOf(b)
  }

  /** Nothing of it is left. */
  isWhole(attempt: AttemptOutput): boolean {
    return this.#of.get(keyOf(attempt))?.whole ?? false
  }

  /** Where it goes on. */
  next(attempt: AttemptOutput): number {
    return this.#of.get(keyOf(attempt))?.next ?? attempt.start
  }

  add(attempt: AttemptOutput, next: number, whole: boolean): void {
    this.#of.set(keyOf(attempt), { next, whole })
  }
}

const keyOf = ({ generation, attempt, atMs }: AttemptOutput): string => `${generation}.${attempt}.${atMs}`
