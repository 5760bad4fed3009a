import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { map } from '../../actors/tasks/map.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver, type TestDriver } from '../unit/tasks-fixture.js'

const TASKS = 200_000
const WARM_UP = 40_000
const ROUNDS = 3
const STARTS = 15
/** Threads of both sides: on two cores the driver and the executor's main thread need theirs as well. */
const THREADS = 1
/** Tasks that Piscina has in hand; more gave no more. */
const PISCINA_IN_HAND = 2000

type NoOp = { default(value: number): number }
const noOpUrl = new URL('./no-op-task.js', import.meta.url)

export interface TaskBench {
  readonly name: string
  /** No-op tasks with results, driver process to executor process and back; goal 50,000. */
  readonly perSecond: number
  /** The same tasks on threads of this process. */
  readonly piscinaPerSecond: number
  readonly ratio: number
  /** From fork to a welcomed executor; goal 100 ms. */
  readonly executorStartP50Ms: number
}

export async function benchTasks(): Promise<TaskBench> {
  const own: number[] = []
  const piscina: number[] = []
  await using driver = await startDriver()
  await driver.start({ cores: THREADS })
  const pool = new Piscina({ filename: fileURLToPath(noOpUrl), minThreads: THREADS, maxThreads: THREADS })
  try {
    await ourRound(driver, WARM_UP)
    await piscinaRound(pool, WARM_UP)
    // In turns, so that a busy machine is busy for both.
    for (let round = 0; round < ROUNDS; round++) {
      own.push(await ourRound(driver, TASKS))
      piscina.push(await piscinaRound(pool, TASKS / 2))
    }
  } finally {
    await pool.destroy()
  }
  const perSecond = median(own)
  const piscinaPerSecond = median(piscina)
  return {
    name: 'no-op tasks with results',
    perSecond,
    piscinaPerSecond,
    ratio: Number((perSecond / piscinaPerSecond).toFixed(2)),
    executorStartP50Ms: await executorStart(),
  }
}

/** Tasks per second through `map`. */
async function ourRound({ pool }: TestDriver, tasks: number): Promise<number> {
  const { default: noOp } = tasksOf<NoOp>(pool, noOpUrl)
  const numbers = Array.from({ length: tasks }, (_, index) => index)
  let sum = 0
  const beganMs = performance.now()
  for await (const value of map(pool, noOp, numbers)) sum += value
  return rate(tasks, beganMs, sum)
}

async function piscinaRound(pool: Piscina, tasks: number): Promise<number> {
  let next = 0
  let sum = 0
  const beganMs = performance.now()
  const lane = async (): Promise<void> => {
    while (next < tasks) {
      const value = (await pool.run(next++)) as number
      sum += value
    }
  }
  await Promise.all(Array.from({ length: PISCINA_IN_HAND }, lane))
  return rate(tasks, beganMs, sum)
}

function rate(tasks: number, beganMs: number, sum: number): number {
  if (sum !== (tasks * (tasks - 1)) / 2) throw new Error('a result is missing or came twice')
  return Math.round((tasks / (performance.now() - beganMs)) * 1000)
}

async function executorStart(): Promise<number> {
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

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] as number
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await benchTasks()))
