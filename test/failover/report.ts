import { chanceOfLonger, largest, percentile, seededRandom } from '../tools/load/statistics.js'
import { type FailoverCase, type FailoverOptions, goalMs } from './options.js'

export interface Round {
  /** From the signal until another Master reported ALIVE. */
  readonly aliveMs: number
  /** The longest time between two results in the period of the failover. */
  readonly gapMs: number
  /** The same in the equally long period before it, without a failover. */
  readonly calmGapMs: number
  /** The same if a STANDBY got the signal and was started again; null for `freeze`, which starts nothing. */
  readonly standbyGapMs: number | null
}

/** What must all be 0. */
export interface Counts {
  readonly tasksLost: number
  readonly resultsTwice: number
  readonly tasksRerun: number
  readonly generationsAtOnce: number
  readonly driverRestarts: number
  readonly deposedEffects: number
  /** Messages that Workers had forgotten before anybody saw what they did with them. */
  readonly ordersUnseen: number
  readonly submissionsLost: number
  readonly submissionsDoubled: number
}

export interface CaseReport {
  readonly case: FailoverCase
  readonly rounds: readonly Round[]
  readonly counts: Counts
  readonly facts: {
    readonly tasks: number
    readonly submissions: number
    /** From sending to the acknowledgement, with or without a failover. */
    readonly longestSubmissionMs: number
    /** Orders of deposed leaders that Workers refused. */
    readonly refusedOrders: number
    /** Pages on which a frozen leader still claimed ALIVE when it woke. */
    readonly wokenClaims: number
    /** Rounds in which the killed leader's next process was the first to be ALIVE. */
    readonly cameBack: number
    /** Deaths of a STANDBY that another Master took for the leader's death. */
    readonly needlessFailovers: number
  }
}

export interface FailoverReport {
  readonly seed: number
  readonly options: Omit<FailoverOptions, 'seed'>
  readonly cases: readonly CaseReport[]
}

export interface Evaluation {
  readonly countsHold: boolean
  /** Time goals that were missed. */
  readonly missed: readonly string[]
}

/** With fewer rounds a 99th percentile would only be the maximum. */
const P99_ROUNDS = 200
/**
 * A gap counts as longer than without a failover if chance explains it in fewer than this share of cases ...
 */
const CHANCE = 0.01
/** ... and if it is longer by more than this on average: about one turn of a busy machine's scheduler. */
const NOISE_MS = 4

const countNames: Readonly<Record<keyof Counts, string>> = {
  tasksLost: 'tasks lost',
  resultsTwice: 'results delivered twice',
  tasksRerun: 'tasks rerun',
  generationsAtOnce: 'driver generations at once',
  driverRestarts: 'supervised driver restarted',
  deposedEffects: 'effects accepted from a deposed leader',
  ordersUnseen: 'messages forgotten before they were judged',
  submissionsLost: 'submissions lost',
  submissionsDoubled: 'submissions doubled',
}

export const countKeys = Object.keys(countNames) as (keyof Counts)[]

export interface GapComparison {
  readonly meanLongerMs: number
  readonly chance: number
  readonly longer: boolean
}

/**
 * Compared with equal work for the machine where possible, because starting a Master alone costs time on two
 * cores.
 */
export function judgeGap(rounds: readonly Round[], seed: number): GapComparison {
  const pairs = rounds.map(
    ({ gapMs, calmGapMs, standbyGapMs }) => [gapMs, standbyGapMs ?? calmGapMs] as const,
  )
  const chance = chanceOfLonger(pairs, seededRandom(seed))
  const meanLongerMs = pairs.reduce((sum, [gap, calm]) => sum + gap - calm, 0) / pairs.length
  return { meanLongerMs, chance, longer: chance < CHANCE && meanLongerMs > NOISE_MS }
}

export function judge({ cases, seed }: FailoverReport): Evaluation {
  const missed: string[] = []
  for (const { case: name, rounds } of cases) {
    const longestMs = largest(rounds.map(({ aliveMs }) => aliveMs))
    if (longestMs > goalMs[name])
      missed.push(`${name}: ${ms(longestMs)} without a Master, goal ${goalMs[name]} ms`)
    const { longer, meanLongerMs } = judgeGap(rounds, seed)
    if (longer) missed.push(`${name}: task gaps are longer by ${ms(meanLongerMs)} than without a failover`)
  }
  const countsHold = cases.every(({ counts }) => countKeys.every((key) => counts[key] === 0))
  return { countsHold, missed }
}

const ms = (value: number): string => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`

/** Markdown. */
export function tables(report: FailoverReport): string {
  const { cases, seed } = report
  const times = cases.map(({ case: name, rounds, facts }) => {
    const alive = rounds.map(({ aliveMs }) => aliveMs)
    const { meanLongerMs, chance, longer } = judgeGap(rounds, seed)
    const most = largest(alive)
    return [
      name,
      String(rounds.length),
      ms(percentile(alive, 50)),
      rounds.length >= P99_ROUNDS ? ms(percentile(alive, 99)) : '-',
      ms(most),
      `${goalMs[name]} ms${most > goalMs[name] ? ' MISSED' : ''}`,
      ms(largest(rounds.map(({ gapMs }) => gapMs))),
      rounds.some(({ standbyGapMs }) => standbyGapMs === null)
        ? '-'
        : ms(largest(rounds.map(({ standbyGapMs }) => standbyGapMs ?? 0))),
      ms(largest(rounds.map(({ calmGapMs }) => calmGapMs))),
      `${meanLongerMs >= 0 ? '+' : ''}${meanLongerMs.toFixed(1)} ms (p ${chance.toFixed(3)})${longer ? ' MISSED' : ''}`,
      ms(facts.longestSubmissionMs),
    ]
  })
  const head = [
    'case',
    'rounds',
    'p50',
    'p99',
    'max',
    'goal',
    'task gap',
    'STANDBY',
    'nothing',
    'mean',
    'submission',
  ]
  const counts = countKeys.map((key) => [countNames[key], ...cases.map(({ counts }) => String(counts[key]))])
  const facts = [
    ['of tasks', ...cases.map(({ facts }) => String(facts.tasks))],
    ['of submissions', ...cases.map(({ facts }) => String(facts.submissions))],
    ['orders of deposed leaders refused', ...cases.map(({ facts }) => String(facts.refusedOrders))],
    ['stale pages of a woken leader', ...cases.map(({ facts }) => String(facts.wokenClaims))],
    ['rounds won by the next life of the old leader', ...cases.map(({ facts }) => String(facts.cameBack))],
    ['failovers for the death of a STANDBY', ...cases.map(({ facts }) => String(facts.needlessFailovers))],
  ]
  const names = cases.map(({ case: name }) => name)
  return [table(head, times), table(['must be 0', ...names], counts), table(['of', ...names], facts)].join(
    '\n',
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}
