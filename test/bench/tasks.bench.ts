import { fileURLToPath } from 'node:url'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver } from '../tools/tasks-fixture.js'
import { compete, type Entry, gridOf, median, type Standing } from './contender.js'
import { start } from './firesteel.contender.js'
import { hasRedis } from './redis.js'

/*
 * No-op tasks with results, compared with peers on the same cores in one run. Each peer runs at its fastest
 * setting of the grid below. The table names that setting.
 */

const ROUNDS = 5
const STARTS = 15
/** Turns of each side, and tasks in each. */
const [SUMMARY_TURNS, SUMMARY_TASKS] = [60, 10_000] as const
const THREADS = [1, 2]

const firesteel: Entry = {
  name: 'Firesteel',
  module: './firesteel.contender.js',
  grid: gridOf({ threads: THREADS }),
  probeTasks: 100_000,
  tasks: 300_000,
}

const piscina: Entry = {
  name: 'Piscina',
  module: './piscina.contender.js',
  grid: gridOf({
    threads: THREADS,
    tasksPerThread: [1, 16, 256],
    inHand: [256, 4096],
    atomics: ['sync', 'disabled'],
  }),
  probeTasks: 40_000,
  tasks: 150_000,
}

const bullMq: Entry = {
  name: 'BullMQ',
  module: './bullmq.contender.js',
  grid: gridOf({ workers: [0, 1, 2], concurrency: [10, 100, 1000] }),
  probeTasks: 10_000,
  tasks: 30_000,
}

/** Without `redis-server` BullMQ is left out. */
export function benchTasks(): Promise<Standing[]> {
  return compete(hasRedis() ? [firesteel, piscina, bullMq] : [firesteel, piscina], ROUNDS)
}

/**
 * Tasks per second with summaries for the Master, as a share of those without. Both run in this process, and
 * take turns every few thousand tasks, so that a busy moment of the machine affects both. The goal is 95 %.
 */
export const benchSummaries = (): Promise<number> => shareOf({ summaries: 1 })

/** Tasks per second over TLS, as a share of those without. The goal is 80 %. */
export const benchSecureTasks = (): Promise<number> => shareOf({ secure: 1 })

async function shareOf(setting: Readonly<Record<string, number>>): Promise<number> {
  const contenders = await Promise.all([start({ threads: 1 }), start({ threads: 1, ...setting })])
  const times: [number[], number[]] = [[], []]
  for (let turn = 0; turn < SUMMARY_TURNS; turn++) {
    for (const at of [0, 1] as const) {
      const beganMs = performance.now()
      await contenders[at].run(SUMMARY_TASKS)
      // What is not compiled yet counts for neither.
      if (turn >= SUMMARY_TURNS / 4) times[at].push(performance.now() - beganMs)
    }
  }
  for (const contender of contenders) await contender.close()
  return median(times[0]) / median(times[1])
}

/** Milliseconds from fork to a registered executor. The goal is 100. */
export async function benchExecutorStart(): Promise<number> {
  const times: number[] = []
  await using driver = await startDriver()
  let linkedMs = 0
  driver.pool.on(({ name }) => {
    if (name === 'executorLinked') linkedMs = performance.now()
  })
  for (let round = 0; round < STARTS; round++) {
    linkedMs = 0
    const beganMs = performance.now()
    const { child } = await driver.start()
    await waitUntil('the executor is linked', () => linkedMs > 0)
    times.push(Math.round(linkedMs - beganMs))
    await child.stop({ graceMs: 1000 })
  }
  return median(times)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { entry, setting, rates } of await benchTasks()) {
    console.log(JSON.stringify({ name: entry.name, setting, rates }))
  }
}
