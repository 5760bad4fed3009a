import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClusterReport, runCluster } from './cluster-run.js'
import type { SoakOptions } from './options.js'
import { roundLine, type SoakReport, violationLine } from './report.js'

export interface SoakHooks {
  readonly say: (line: string) => void
  /** Asked before each round. */
  readonly isOver?: () => boolean
}

/** Runs rounds of random faults on random clusters, until the number of rounds or the time is over. */
export async function soak(
  options: SoakOptions,
  { say, isOver = () => false }: SoakHooks,
): Promise<SoakReport> {
  const { seed, from, rounds, minutes, roundsPerCluster, keep } = options
  const untilMs = performance.now() + minutes * 60_000
  let next = from
  const mayBegin = (): boolean => {
    if (isOver()) return false
    return rounds === undefined ? performance.now() < untilMs : next < from + rounds
  }
  const clusterOf = (round: number): number => Math.floor((round - 1) / roundsPerCluster) + 1
  const clusters: ClusterReport[] = []
  const folders: string[] = []
  let number = clusterOf(from)
  while (mayBegin()) {
    const cluster = number
    const ofThisCluster = function* (): Generator<number> {
      while (mayBegin() && clusterOf(next) === cluster) yield next++
    }
    const directory = await mkdtemp(join(tmpdir(), `firesteel-soak-${seed}-${cluster}-`))
    const report = await runCluster(
      options,
      { number: cluster, rounds: ofThisCluster(), directory },
      say,
      (round) => say(roundLine(seed, round)),
    )
    clusters.push(report)
    for (const found of report.violations) say(`  ${violationLine(found)}`)
    const isClean =
      report.violations.length === 0 && report.rounds.every((one) => one.violations.length === 0)
    if (isClean && !keep) await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    else folders.push(directory)
    // After a failure, a fresh cluster of the same kind runs the remaining rounds.
    number = clusterOf(next)
  }
  return { seed, clusters, folders }
}
