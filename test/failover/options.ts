import { parseArgs } from 'node:util'
import { namesOption, wholeOption } from '../tools/command-line.js'

export const cases = ['kill', 'term', 'freeze'] as const
export type FailoverCase = (typeof cases)[number]

export const signalOf: Readonly<Record<FailoverCase, 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'>> = {
  kill: 'SIGKILL',
  term: 'SIGTERM',
  freeze: 'SIGSTOP',
}

/** Longest time without a Master, over all rounds (protocol L2). */
export const goalMs: Readonly<Record<FailoverCase, number>> = { kill: 500, term: 100, freeze: 3000 }

export interface FailoverOptions {
  readonly cases: readonly FailoverCase[]
  readonly rounds: Readonly<Record<FailoverCase, number>>
  /** How long a leader stays frozen. */
  readonly frozenMs: number
  /**
   * How long the task flow is watched from the signal on (`freeze`: from SIGCONT on), and equally long
   * without a failover.
   */
  readonly windowMs: number
  /** True: all of the cluster speaks TLS. */
  readonly isSecure?: boolean
  /** Seed of the random choices. */
  readonly seed: number
}

export interface CommandLine extends FailoverOptions {
  readonly json: boolean
  /** A missed time counts as a failure. */
  readonly strict: boolean
}

const FULL = { kill: 200, term: 200, freeze: 50 }
const SHORT = { kill: 3, term: 3, freeze: 1 }

export const full: Omit<FailoverOptions, 'seed'> = { cases, rounds: FULL, frozenMs: 10_000, windowMs: 1000 }
/** For CI: less than a minute and a half. */
export const short: Omit<FailoverOptions, 'seed'> = { cases, rounds: SHORT, frozenMs: 6000, windowMs: 800 }

export const usage = `npm run failover [-- OPTIONS]
  --rounds N     rounds of each case (default: kill 200, term 200, freeze 50)
  --cases LIST   of kill,term,freeze (default: all)
  --short        the form of CI: a few rounds each
  --seed N       of what is left to chance (default: a random one, printed)
  --secure       the cluster speaks TLS
  --json         one JSON object instead of the tables
  --strict       exit 1 also where a time misses its goal
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[], randomSeed: number): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      cases: { type: 'string' },
      short: { type: 'boolean', default: false },
      seed: { type: 'string' },
      secure: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  })
  const base = values.short ? short : full
  const rounds = wholeOption('rounds', values.rounds, 1)
  return {
    ...base,
    cases: namesOption('cases', values.cases, cases) ?? base.cases,
    rounds: rounds === undefined ? base.rounds : { kill: rounds, term: rounds, freeze: rounds },
    seed: wholeOption('seed', values.seed, 0) ?? randomSeed,
    isSecure: values.secure,
    json: values.json,
    strict: values.strict,
  }
}
