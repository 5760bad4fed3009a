import { reasonOf } from '../../runtime/errors.js'
import { drawShape, randomFor, type Shape, shapeText } from './draw.js'
import { drawFault } from './faults/all.js'
import type { Field } from './field.js'
import { growing, judgedLives } from './growth.js'
import type { SoakOptions } from './options.js'
import { type RoundReport, Rounds } from './round.js'
import { Sampler } from './sampler.js'
import { SoakContext } from './soak-context.js'
import { type Violation, violation } from './violations.js'
import { untilQuiet } from './well.js'
import { Work } from './work.js'

export interface ClusterReport {
  readonly shape: Shape
  readonly rounds: readonly RoundReport[]
  readonly tasks: number
  readonly submissions: number
  readonly kills: number
  /** Lives of processes that were long enough to be judged for growth. */
  readonly livesJudged: number
  /** Of the end: of what can only be counted then. */
  readonly violations: readonly Violation[]
}

export interface ClusterPlan {
  /** Drawn from seed and this. */
  readonly number: number
  /** Numbers of its rounds; it ends before one that may not begin any more. */
  readonly rounds: Iterable<number>
  readonly directory: string
}

/** Some rounds on one cluster. Rejects where it does not even start. */
export async function runCluster(
  options: SoakOptions,
  { number, rounds, directory }: ClusterPlan,
  say: (line: string) => void,
  onRound: (report: RoundReport) => void,
): Promise<ClusterReport> {
  const { seed, faults } = options
  const shape = drawShape(seed, number)
  say(`cluster ${number}: ${shapeText(shape)}; logs in ${directory}`)
  const sampler = new Sampler()
  const done: RoundReport[] = []
  const ended: Violation[] = []
  let isBroken = false
  let totals = { tasks: 0, submissions: 0, kills: 0 }
  const context = await SoakContext.start(
    `soak-${seed}-${number}`,
    shape,
    directory,
    faults.includes('disk-full'),
  )
  try {
    const work = await Work.start(context.cluster, randomFor(seed, 'jobs', number))
    try {
      const each = new Rounds(context, work, sampler)
      await each.begin()
      for (const round of rounds) {
        const random = randomFor(seed, 'fault', round)
        const report = await each.round(round, drawFault(random, faults, shape), random)
        done.push(report)
        onRound(report)
        isBroken = Number.isNaN(report.wellMs)
        if (isBroken) break
      }
      // One that did not come back answers nobody: nothing more can be learned from it.
      if (!isBroken) totals = await endWork(context, work, ended)
    } finally {
      await work.close()
    }
  } catch (error) {
    // Whatever it is, the rounds on other clusters go on.
    ended.push(violation('notWell', `the cluster could not be used any more: ${reasonOf(error)}`))
  }
  // Rejects where a process outlives it.
  await context[Symbol.asyncDispose]().catch((error: unknown) => {
    ended.push(violation('orphans', reasonOf(error)))
  })
  ended.push(...growing(sampler.lives).map((text) => violation('growth', text)))
  const livesJudged = judgedLives(sampler.lives).length
  return { shape, rounds: done, ...totals, livesJudged, violations: ended }
}

/** Ends the work and counts what can only be counted then. */
export async function endWork(field: Field, work: Work, ended: Violation[]) {
  const { jobs } = work
  await jobs.pause()
  await jobs.repeat(0)
  await jobs.killAll()
  const { clusterState } = await untilQuiet(field, work)
  ended.push(...(await jobs.judge(clusterState)))
  const { totals, found } = await work.end()
  ended.push(...found)
  const { acknowledged, killsAcknowledged } = jobs.ledger
  return { tasks: totals.given, submissions: acknowledged, kills: killsAcknowledged }
}
