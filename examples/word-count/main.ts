import { type ConnectOptions, connect, FiresteelError } from 'firesteel'
import { INTERRUPTED_EXIT, interruption } from '../interruption.js'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { count, type OnTask, type Totals } from './count.js'
import { MasterKiller } from './kill-master.js'
import { HELP, type Options, parseOptions } from './options.js'
import { type Progress, progressOn } from './progress.js'
import { type Report, reportOf, reportText } from './report.js'
import { survey } from './survey.js'
import { checkRoots } from './walk.js'

interface Outcome {
  readonly report: Report
  readonly totals: Totals
}

const application: ConnectOptions = { name: 'word-count' }

/** Counts as an application of a cluster, by default one of its own. */
async function plainCount({ paths }: Options, progress: Progress, signal: AbortSignal): Promise<Outcome> {
  await using app = await connect(where(), { ...application, signal })
  // The survey runs beside the tasks, so that the result does not wait for it.
  const surveyed = survey(paths, () => undefined).then((found) => progress.total(found))
  const outcome = await timed(app, paths, (bytesDone) => progress.done(bytesDone), signal)
  await surveyed
  return outcome
}

/** The same, but the Master is killed half-way. */
async function countWithoutMaster(
  { paths }: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<Outcome> {
  await using killer = await MasterKiller.start({ ...application, signal }, (text) => progress.say(text))
  const work = await survey(paths, () => undefined)
  progress.total(work)
  const onTask: OnTask = (bytesDone) => {
    progress.done(bytesDone)
    killer.progress(bytesDone, work)
  }
  const outcome = await timed(killer.app, paths, onTask, signal)
  progress.say(killer.summary(outcome.totals, work, await killer.outageMs()))
  return outcome
}

async function timed(
  app: MasterKiller['app'],
  paths: readonly string[],
  onTask: OnTask,
  signal: AbortSignal,
): Promise<Outcome> {
  const executors = new Set(app.executors.map(({ id }) => id))
  app.on('executorAdded', ({ id }) => void executors.add(id))
  const startMs = performance.now()
  const totals = await count(app, paths, { onTask, signal })
  return { totals, report: reportOf(totals, performance.now() - startMs, executors.size) }
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  await checkRoots(options.paths)
  const progress = progressOn(process.stderr)
  let outcome: Outcome
  try {
    const work = options.killMaster ? countWithoutMaster : plainCount
    outcome = await work(options, progress, signal)
  } finally {
    progress.stop()
  }
  const { report, totals } = outcome
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report))
  if (totals.unreadable.length === 0) return 0
  const places = totals.unreadable.slice(0, 5).join('; ')
  throw new FiresteelError('FILE_UNREADABLE', `${totals.unreadable.length} could not be read: ${places}.`)
}

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  const signal = interruption()
  try {
    const options = parseOptions(argv, process.env, process.cwd())
    if (!options.help) return await run(options, signal)
    process.stdout.write(HELP)
    return 0
  } catch (error) {
    return signal.aborted ? INTERRUPTED_EXIT : printError(error, { json })
  }
}

process.exitCode = await main(process.argv.slice(2))
