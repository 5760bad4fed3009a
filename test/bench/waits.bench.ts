import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { connect } from 'firesteel'
import { percentile } from '../tools/load/statistics.js'
import { bareTrips } from './bare-trip.js'
import { median } from './contender.js'

/* What one person waits for: a cluster of their own, one result, the start of a command. */

const ROUNDS = 5
const WARM_UP_TASKS = 10_000
/** In turn with the bare way, because a machine is not the same from one second to the next. */
const WINDOWS = 7
const TASKS = 4000
const WARM_UP_TRIPS = 500
const COMMANDS = 9

type NoOp = { default(value: number): number }
const noOpUrl = new URL('./no-op-task.js', import.meta.url)
const program = fileURLToPath(new URL('../../runtime/launch/cli/bin.js', import.meta.url))

interface Percentiles {
  readonly p50: number
  readonly p99: number
}

/** The median of the windows. */
const percentiles = (windows: readonly number[][]): Percentiles => ({
  p50: median(windows.map((ms) => percentile(ms, 50))),
  p99: median(windows.map((ms) => percentile(ms, 99))),
})

export interface Waits {
  /** Milliseconds from `connect('local')` to the first result, in order of size. */
  readonly firstResultMs: readonly number[]
  /** Milliseconds of one task after another, on one thread. */
  readonly taskMs: Percentiles
  /** The same way without anything of ours. */
  readonly bareMs: Percentiles
}

export async function benchWaits(): Promise<Waits> {
  const firstResultMs: number[] = []
  const taskMs: number[][] = []
  const bareMs: number[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    const beganMs = performance.now()
    await using app = await connect('local', { executor: { cores: 1 } })
    const { default: noOp } = app.tasks<NoOp>(noOpUrl)
    await noOp(0)
    firstResultMs.push(Math.round(performance.now() - beganMs))
    if (round < ROUNDS - 1) continue
    for (let n = 0; n < WARM_UP_TASKS; n++) await noOp(n)
    for (let window = 0; window < WINDOWS; window++) {
      const times: number[] = []
      for (let n = 0; n < TASKS; n++) {
        const sentMs = performance.now()
        await noOp(n)
        times.push(performance.now() - sentMs)
      }
      taskMs.push(times)
      bareMs.push(await bareTrips(WARM_UP_TRIPS, TASKS))
    }
  }
  return {
    firstResultMs: firstResultMs.sort((one, other) => one - other),
    taskMs: percentiles(taskMs),
    bareMs: percentiles(bareMs),
  }
}

/** Milliseconds of processor time until the process exits; the median of some runs. */
export function processorMs(args: readonly string[]): number {
  const hook =
    'process.on("exit",()=>{const{user,system}=process.cpuUsage();console.error((user+system)/1000)})'
  const line = [`--import=data:text/javascript,${hook}`, ...args]
  const runs = Array.from({ length: COMMANDS }, () => {
    const { stderr } = spawnSync(process.execPath, line, { cwd: tmpdir(), encoding: 'utf8' })
    return Number(stderr.trim().split('\n').at(-1))
  })
  return Math.round(median(runs))
}

export const commands: Readonly<Record<string, readonly string[]>> = {
  'an empty Node': ['--eval', ''],
  'firesteel --help': [program, '--help'],
  'firesteel status, and no cluster': [program, 'status'],
}
