import { join } from 'node:path'
import { reasonOf } from '../../runtime/errors.js'
import { drawShape, randomFor, type Shape, shapeText } from './draw.js'
import { drawFault } from './faults/all.js'
import type { Field } from './field.js'
import { growing, judgedLives } from './growth.js'
import type { SoakOptions } from './options.js'
import { replayed } from './replayed.js'
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
  /** How many process lives were long enough to be judged for growth. */
  readonly livesJudged: number
  /** Violations that can only be found at the end. */
  readonly violations: readonly Violation[]
}

export interface ClusterPlan {
  /** The cluster is drawn from the seed and this number. */
  readonly number: number
  /** Numbers of its rounds. The list ends before a round that may not begin any more. */
  readonly rounds: Iterable<number>
  readonly directory: string
}

/** Runs some rounds on one cluster. Rejects if the cluster does not even start. */
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
  const context = await SoakContext.start(`soak-${seed}-${number}`, shape, directory, {
    wantsDisk: faults.includes('disk-full'),
    isSecure: options.isSecure ?? false,
  })
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
      // A cluster that did not recover gives no answers, so its end shows nothing more.
      if (!isBroken) totals = await endWork(context, work, ended)
    } finally {
      await work.close()
    }
  } catch (error) {
    // Whatever went wrong, the rounds on other clusters go on.
    ended.push(violation('notWell', `the cluster could not be used any more: ${reasonOf(error)}`))
  }
  // Rejects if a process outlives it.
  await context[Symbol.asyncDispose]().catch((error: unknown) => {
    ended.push(violation('orphans', reasonOf(error)))
  })
  ended.push(...(await replayed(join(directory, 'recordings'), say)))
  ended.push(...growing(sampler.lives).map((text) => violation('growth', text)))
  const livesJudged = judgedLives(sampler.lives).length
  return { shape, rounds: done, ...totals, livesJudged, violations: ended }
}

/** Ends the work and finds what can only be found then. */
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
