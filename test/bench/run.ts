import { parseArgs } from 'node:util'
import { wholeOption } from '../tools/command-line.js'
import { attackHeader, attackLine, benchAttacks } from './attacks.bench.js'
import { median, type Standing, textOf } from './contender.js'
import { benchCrowd } from './crowd.bench.js'
import { benchEach, type EachResult } from './each.bench.js'
import { benchPages } from './pages.bench.js'
import { benchPrograms, defaultSizes } from './programs.bench.js'
import { benchRecorder } from './recorder.bench.js'
import { benchRecovery } from './recovery.bench.js'
import { hasRedis } from './redis.js'
import { benchRemoteTell, benchSecureTell } from './remote.bench.js'
import { benchExecutorStart, benchSecureTasks, benchSummaries, benchTasks } from './tasks.bench.js'
import { benchTell } from './tell.bench.js'
import { benchWaits, commands, processorMs } from './waits.bench.js'

/*
 * `npm run bench [-- NAME...]` measures this machine, and our peers in the same run. Absolute numbers belong
 * to this machine and hour; ratios can be compared. `--pictures N` and `--pages N` are the sizes of
 * `programs`.
 */

const { values, positionals: wanted } = parseArgs({
  options: { pictures: { type: 'string' }, pages: { type: 'string' } },
  allowPositionals: true,
})

const benches: Readonly<Record<string, () => Promise<string[]> | AsyncIterable<string>>> = {
  async tell() {
    return [rate(await benchTell(), 'goal 3 M/s')]
  },
  async remote() {
    return [rate(await benchRemoteTell(), 'goal 400 k/s')]
  },
  async tls() {
    const { plain, secure } = await benchSecureTell()
    const percent = (share: number): string => `${(100 * share).toFixed(0)} %`
    return [
      rate({ name: 'remote tell, validated', perSecond: plain }, 'without TLS'),
      rate(
        { name: 'remote tell, validated, over TLS', perSecond: secure },
        `${percent(secure / plain)}; goal 50 %`,
      ),
      `no-op tasks over TLS: ${percent(await benchSecureTasks())} of those without (goal 80 %)`,
    ]
  },
  async tasks() {
    const standings = await benchTasks()
    const notes = hasRedis() ? [] : ['BullMQ: not run, there is no redis-server on PATH']
    const told = `with summaries for the Master: ${(100 * (await benchSummaries())).toFixed(1)} % of the tasks without (goal 95 %)`
    return [...tasksTable(standings), ...notes, told, executorStart(await benchExecutorStart())]
  },
  async waits() {
    const { firstResultMs, taskMs, bareMs } = await benchWaits()
    const range = `${firstResultMs[0]} to ${firstResultMs.at(-1)} ms`
    return [
      `connect('local') to the first result: ${median(firstResultMs)} ms (${range}; goal 500 ms)`,
      `one task after another: p50 ${taskMs.p50.toFixed(2)} ms (goal 0.15), p99 ${taskMs.p99.toFixed(2)} ms (goal 1)`,
      `the same way without anything of ours: p50 ${bareMs.p50.toFixed(2)} ms, p99 ${bareMs.p99.toFixed(2)} ms`,
      ...Object.entries(commands).map(([name, args]) => `${name}: ${processorMs(args)} ms of processor time`),
    ]
  },
  programs: () =>
    benchPrograms({
      pictures: wholeOption('pictures', values.pictures, 1) ?? defaultSizes.pictures,
      pages: wholeOption('pages', values.pages, 1) ?? defaultSizes.pages,
    }),
  async each() {
    return eachLines(await benchEach())
  },
  async crowd() {
    const { workers, drivers, clients, reads, waitMs, elections } = await benchCrowd()
    const { p50, p99, max } = waitMs
    return [
      `${workers} Workers, ${drivers} waiting drivers, ${clients} clients that read all of it each second: ${elections} elections; ` +
        `${reads} whole states read; a small request waits ${p50} ms (p50), ${p99} ms (p99), ${max} ms at most`,
    ]
  },
  async pages() {
    const {
      workers,
      ended,
      masters,
      firstMs,
      overviewMs,
      firstTurn,
      laterTurn,
      open,
      openPercent,
      openTurnMs,
    } = await benchPages()
    const ms = (value: number): string => `${value.toFixed(1)} ms`
    const turn = ({ wallMs, processorMs }: typeof firstTurn): string =>
      `${ms(wallMs)} (${ms(processorMs)} of processor time)`
    return [
      `${workers} Workers, ${ended} ended applications: the first overview takes ${ms(firstMs)} (goal 100 ms), its longest turn ` +
        `of the loop ${turn(firstTurn)} (goal 10 ms), medians of ${masters} Masters`,
      `later overviews take ${ms(overviewMs.p50)} (p50), ${ms(overviewMs.max)} at most; the longest turn of all reads ${turn(laterTurn)}`,
      `${open} open pages: ${openPercent.toFixed(1)} % of a core (goal 10 %), longest turn ${ms(openTurnMs)}`,
    ]
  },
  async *attacks() {
    yield attackHeader
    for await (const result of benchAttacks()) yield attackLine(result)
  },
  async *tlsAttacks() {
    yield attackHeader
    for await (const result of benchAttacks({ isSecure: true })) yield attackLine(result)
  },
  async recorder() {
    const { inputUs, large, copyMs } = await benchRecorder()
    const [without, recorded] = inputUs
    return [
      `an input of a Master's core: ${without.toFixed(1)} us of processor time, recorded ${recorded.toFixed(1)} us ` +
        `(${(recorded / without).toFixed(1)} times)`,
      `the turn that copies the state of ${large.workers} Workers and ${large.drivers} drivers: ` +
        `${copyMs.p50.toFixed(1)} ms (p50), ${copyMs.most.toFixed(1)} ms at most (goal 10 ms)`,
    ]
  },
  async recovery() {
    const results = [
      await benchRecovery('FILESYSTEM', 1000, 1000, 0),
      await benchRecovery('FILESYSTEM', 1000, 1000, 10),
      ...(hasRedis()
        ? [await benchRecovery('REDIS', 1000, 1000, 0), await benchRecovery('REDIS', 1000, 1000, 10)]
        : []),
    ]
    return results.map(
      ({ name, startMs, aliveMs, completeMs, readyWorkers }) =>
        `${name}: elected ${startMs} ms after kill -9, ALIVE ${aliveMs} ms later with ${readyWorkers} schedulable, ` +
        `complete ${completeMs} ms after election (goal 1000 ms)`,
    )
  },
}

/** The goals are at least half of xargs and three times GNU parallel. */
function eachLines(results: readonly EachResult[]): string[] {
  const [xargs, each, , parallel] = results.map(({ perSecond }) => perSecond)
  const ratio = (other = 1): string => (each! / other).toFixed(2)
  const lines = results.map(
    ({ name, perSecond }) => `${name.padEnd(48)} ${Math.round(perSecond).toLocaleString('en')} /s`,
  )
  return [...lines, `each is ${ratio(xargs)} x xargs (goal 0.5), ${ratio(parallel)} x parallel (goal 3)`]
}

function rate({ name, perSecond }: { name: string; perSecond: number }, note: string): string {
  return `${name.padEnd(48)} ${Math.round(perSecond).toLocaleString('en')} /s  (${note})`
}

const executorStart = (p50Ms: number): string =>
  `${'executor start, fork to link, p50'.padEnd(48)} ${p50Ms} ms  (goal 100 ms)`

/** Medians, the range of the rounds, and how many times faster we are than a peer. */
function tasksTable(standings: readonly Standing[]): string[] {
  const ours = standings[0]!
  return [
    'no-op tasks with results, each in a process of its own, at the fastest setting of its grid:',
    ...standings.map((standing) => {
      const { entry, setting, rates } = standing
      const range = `${number(Math.min(...rates))} to ${number(Math.max(...rates))}`
      const ratio =
        standing === ours ? '' : `; ours is ${(median(ours.rates) / median(rates)).toFixed(1)} times that`
      return `  ${entry.name.padEnd(10)} ${number(median(rates)).padStart(9)} /s  (${range}; ${textOf(setting)}${ratio})`
    }),
  ]
}

const number = (value: number): string => Math.round(value).toLocaleString('en')

for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  const bench = benches[name]
  if (!bench) {
    process.stderr.write(`there is no bench ${name}; there are ${Object.keys(benches).join(', ')}\n`)
    process.exitCode = 2
    break
  }
  for await (const line of await bench()) process.stdout.write(`${line}\n`)
}
