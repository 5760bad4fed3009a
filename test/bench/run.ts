import { benchBullMq } from './bullmq.bench.js'
import { benchRecovery } from './recovery.bench.js'
import { hasRedis } from './redis.js'
import { benchRemoteTell } from './remote.bench.js'
import { benchTasks } from './tasks.bench.js'
import { benchTell } from './tell.bench.js'

/*
 * `npm run bench [-- NAME...]`: what this machine does, beside its peers in the same run. Absolute numbers are of this
 * machine and hour; ratios travel.
 */

const benches: Readonly<Record<string, () => Promise<string[]>>> = {
  async tell() {
    return [rate(await benchTell(), 'goal 3 M/s')]
  },
  async remote() {
    return [rate(await benchRemoteTell(), 'goal 400 k/s')]
  },
  async tasks() {
    const { piscinaPerSecond, executorStartP50Ms, ...tasks } = await benchTasks()
    const lines = [
      rate(tasks, 'goal 50 k/s'),
      rate(
        { name: 'Piscina no-op tasks', perSecond: piscinaPerSecond },
        beside(tasks.perSecond, piscinaPerSecond),
      ),
      `${'executor start, fork to link, p50'.padEnd(48)} ${executorStartP50Ms} ms  (goal 100 ms)`,
    ]
    if (!hasRedis()) return [...lines, 'BullMQ: not run, there is no redis-server on PATH']
    const queue = await benchBullMq()
    return [...lines, rate(queue, beside(tasks.perSecond, queue.perSecond))]
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

function rate({ name, perSecond }: { name: string; perSecond: number }, note: string): string {
  return `${name.padEnd(48)} ${Math.round(perSecond).toLocaleString('en')} /s  (${note})`
}

const beside = (ours: number, theirs: number): string => `ours is ${(ours / theirs).toFixed(1)} times that`

const wanted = process.argv.slice(2)
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  const bench = benches[name]
  if (!bench) {
    process.stderr.write(`there is no bench ${name}; there are ${Object.keys(benches).join(', ')}\n`)
    process.exitCode = 2
    break
  }
  for (const line of await bench()) process.stdout.write(`${line}\n`)
}
