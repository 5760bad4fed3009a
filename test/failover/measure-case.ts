import { Stage } from '../tools/load/stage.js'
import { CaseRun } from './case-run.js'
import type { Progress } from './faults.js'
import type { FailoverCase, FailoverOptions } from './options.js'
import type { CaseReport } from './report.js'

/** Measures one case on a cluster of its own. Rejects if the cluster does not recover between rounds. */
export async function measureCase(
  name: FailoverCase,
  options: FailoverOptions,
  random: () => number,
  progress: Progress,
): Promise<CaseReport> {
  await using stage = await Stage.open(`failover-${name}`, options.isSecure)
  try {
    return await measureOn(stage, name, options, random, progress)
  } catch (error) {
    progress(stage.cluster.log)
    throw error
  }
}

async function measureOn(
  stage: Stage,
  name: FailoverCase,
  options: FailoverOptions,
  random: () => number,
  progress: Progress,
): Promise<CaseReport> {
  const run = new CaseRun(stage, name, options, random, progress)
  const count = options.rounds[name]
  for (let number = 1; number <= count; number++) {
    const { aliveMs, gapMs, calmGapMs, standbyGapMs } = await run.round()
    const standby = standbyGapMs === null ? '' : `, a STANDBY instead ${standbyGapMs.toFixed(1)} ms`
    const gaps = `longest task gap ${gapMs.toFixed(1)} ms, nothing ${calmGapMs.toFixed(1)} ms${standby}`
    progress(`${name} ${number}/${count}: another Master ALIVE after ${aliveMs.toFixed(1)} ms; ${gaps}`)
  }
  return { case: name, rounds: run.rounds, counts: await run.counts(), facts: run.facts() }
}
