import { largest, percentile } from '../tools/load/statistics.js'
import type { ClusterReport } from './cluster-run.js'
import { type FaultName, faultNames } from './fault-names.js'
import { growthBounds } from './growth.js'
import type { SoakOptions } from './options.js'
import type { RoundReport } from './round.js'
import { type Violation, type ViolationKind, violationKinds, violationNames } from './violations.js'
import { WELL_MS } from './well.js'

export interface SoakReport {
  readonly seed: number
  readonly clusters: readonly ClusterReport[]
  /** The folders that keep logs of clusters. */
  readonly folders: readonly string[]
}

export type ViolationCounts = Readonly<Record<ViolationKind, number>>

const allRounds = ({ clusters }: SoakReport): RoundReport[] => clusters.flatMap(({ rounds }) => rounds)

const allViolations = (report: SoakReport): Violation[] => [
  ...allRounds(report).flatMap(({ violations }) => violations),
  ...report.clusters.flatMap(({ violations }) => violations),
]

export function countViolations(report: SoakReport): ViolationCounts {
  const counts = Object.fromEntries(violationKinds.map((kind) => [kind, 0])) as Record<ViolationKind, number>
  for (const { kind } of allViolations(report)) counts[kind]++
  return counts
}

export const isClean = (report: SoakReport): boolean => allViolations(report).length === 0

const ms = (value: number): string => (Number.isNaN(value) ? '-' : `${(value / 1000).toFixed(1)} s`)

export const violationLine = ({ kind, text }: Violation): string => `VIOLATION ${kind}: ${text}`

export function roundLine(seed: number, round: RoundReport): string {
  const { number, fault, what, skipped, wellMs, tookMs, violations } = round
  const happened = skipped === undefined ? what : `skipped, ${skipped}`
  const counted = `${round.tasks} tasks, ${round.reruns} rerun, ${round.submissions} submissions, ${round.kills} kills`
  const times = `well after ${ms(wellMs)}, round ${ms(tookMs)}`
  const line = `${seed}/${number} ${fault}: ${happened}; ${times}; epochs +${round.epochs}; ${counted}`
  return [line, ...violations.map((found) => `  ${violationLine(found)}`)].join('\n')
}

/** The command that repeats the first round with a violation. Undefined if there is none. */
export function replayCommand(
  report: SoakReport,
  { roundsPerCluster, isSecure }: Pick<SoakOptions, 'roundsPerCluster' | 'isSecure'>,
): string | undefined {
  const first = allRounds(report).find(({ violations }) => violations.length > 0)
  if (!first) return undefined
  return `npm run soak -- --seed ${report.seed} --from ${first.number} --rounds 1 --cluster ${roundsPerCluster}${isSecure ? ' --secure' : ''}`
}

/** The report in Markdown. */
export function tables(report: SoakReport): string {
  const rounds = allRounds(report)
  const counts = countViolations(report)
  const must = violationKinds.map((kind) => [violationNames[kind], String(counts[kind])])
  const sum = (of: 'tasks' | 'submissions' | 'kills' | 'livesJudged'): string =>
    String(report.clusters.reduce((all, cluster) => all + cluster[of], 0))
  const reruns = rounds.reduce((all, round) => all + round.reruns, 0)
  const of = [
    ['rounds', String(rounds.filter(({ skipped }) => skipped === undefined).length)],
    ['rounds skipped', String(rounds.filter(({ skipped }) => skipped !== undefined).length)],
    ['clusters', String(report.clusters.length)],
    ['elections', String(rounds.reduce((all, { epochs }) => all + epochs, 0))],
    ['tasks', sum('tasks')],
    ['tasks run again, for a failure of their own or the loss of their executor', String(reruns)],
    ['submissions acknowledged', sum('submissions')],
    ['kills acknowledged', sum('kills')],
    ['processes judged for growth', sum('livesJudged')],
  ]
  return [
    table(['fault', 'rounds', 'skipped', 'well: p50', 'max', 'elections'], faultRows(rounds)),
    table(['must be 0', 'count'], must),
    table(['of', 'count'], of),
    notes(rounds),
  ].join('\n')
}

function faultRows(rounds: readonly RoundReport[]): string[][] {
  const row = (name: FaultName): string[] | undefined => {
    const own = rounds.filter(({ fault }) => fault === name)
    const done = own.filter(({ skipped }) => skipped === undefined)
    if (own.length === 0) return undefined
    const well = done.map(({ wellMs }) => wellMs).filter((value) => !Number.isNaN(value))
    const elections = done.reduce((all, { epochs }) => all + epochs, 0)
    return [
      name,
      String(done.length),
      String(own.length - done.length),
      ms(percentile(well, 50)),
      ms(largest(well)),
      String(elections),
    ]
  }
  return faultNames.flatMap((name) => {
    const cells = row(name)
    return cells ? [cells] : []
  })
}

function notes(rounds: readonly RoundReport[]): string {
  const { rssFactor, rssMib, descriptors, leastSamples } = growthBounds
  const reasons = new Set(rounds.flatMap(({ fault, skipped }) => (skipped ? [`${fault}: ${skipped}`] : [])))
  return [
    `Well: within ${WELL_MS / 1000} s of the end of the fault. Growth: more than ${rssFactor} times the memory after warm-up and`,
    `${rssMib} MiB, or ${descriptors} descriptors; lives of at least ${leastSamples} rounds.`,
    ...[...reasons].map((reason) => `Skipped: ${reason}`),
    '',
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}
