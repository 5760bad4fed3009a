import { seededRandom } from '../tools/load/statistics.js'
import type { Progress } from './faults.js'
import { measureCase } from './measure-case.js'
import type { FailoverOptions } from './options.js'
import type { CaseReport, FailoverReport } from './report.js'

/** Measures each case in turn, each on a cluster of its own. */
export async function measureFailover(
  { seed, ...options }: FailoverOptions,
  progress: Progress = () => undefined,
): Promise<FailoverReport> {
  const random = seededRandom(seed)
  const cases: CaseReport[] = []
  for (const name of options.cases) {
    cases.push(await measureCase(name, { seed, ...options }, random, progress))
  }
  return { seed, options, cases }
}
