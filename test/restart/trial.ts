import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../../actors/client/app.js'
import { isAlive } from '../../runtime/process/find-process.js'
import { readProcess } from '../../runtime/process/process-table.js'
import type { TestCluster } from '../harness/index.js'
import { TestCluster as Cluster } from '../harness/test-cluster.js'
import { UpProcess } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { cluster as name, secret } from '../tools/worker-node.js'
import { OneDriver } from './one-driver.js'
import { nameOf, type RestartTrial } from './steps.js'
import { WorkerProcess } from './worker-process.js'

/*
 * One trial: a Worker with a supervised driver and an executor under tasks restarts as announced, and
 * something is killed (-9) at a step of it. The Master is a real one.
 */

const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))
const tasksUrl = new URL('../tools/failover-tasks.js', import.meta.url)
type Tasks = typeof import('../tools/failover-tasks.js')
const TASKS_AT_ONCE = 4
const MORE_TASKS = 20

export interface RestartResult {
  readonly trial: string
  readonly fate: string
  /** From the signal until the work is where it belongs. */
  readonly ms: number
  /** What must not have been; empty: all was well. */
  readonly wrong: readonly string[]
}

/** A Master without Workers: each trial brings its own. */
export async function startMaster(): Promise<TestCluster> {
  const up = await UpProcess.start({
    ...{ cluster: name, secret, masters: 1, workers: 0 },
    recovery: { mode: 'FILESYSTEM' },
    cores: undefined,
    memory: undefined,
    workerTimeout: undefined,
    orphanGrace: undefined,
    directory: undefined,
  })
  return new Cluster(up)
}

export async function restartTrial(cluster: TestCluster, trial: RestartTrial): Promise<RestartResult> {
  const label = nameOf(trial)
  const workDir = join(cluster.directory, `work-${label.replaceAll(':', '-')}`)
  await mkdir(workDir)
  const { victim, step } = trial
  const started: WorkerProcess[] = []
  const start = async (stop = ''): Promise<WorkerProcess> => {
    const worker = await WorkerProcess.start(workDir, cluster.address, stop)
    started.push(worker)
    return worker
  }
  const stop = victim === 'old' ? step : victim === 'guard' ? `${step},guard` : ''
  try {
    const first = await start(stop)
    const work = await Work.start(cluster, workDir)
    const startMs = performance.now()
    const last = await restarted(cluster, trial, first, start, work)
    const wrong = await work.settles(trial)
    const ms = Math.round(performance.now() - startMs)
    wrong.push(...(await work.end(last)))
    return { trial: label, fate: trial.fate, ms, wrong }
  } finally {
    await Promise.all(started.map((worker) => worker.kill()))
  }
}

/** Gives the process of the Worker that is there in the end. */
async function restarted(
  cluster: TestCluster,
  { victim, step, isFollowed }: RestartTrial,
  first: WorkerProcess,
  start: (stop?: string) => Promise<WorkerProcess>,
  work: Work,
): Promise<WorkerProcess> {
  first.restart()
  if (victim === 'old') {
    await first.says(step)
    await first.kill()
    return start()
  }
  await first.left()
  if (victim === 'next') {
    const second = await start(step)
    await second.says(step)
    await second.kill()
  }
  if (victim === 'leader') await cluster.kill('m1')
  if (!isFollowed) await work.isOver()
  return start()
}

/** What runs on the Worker of a trial. */
class Work {
  readonly #cluster: TestCluster
  readonly #workDir: string
  readonly #driver: OneDriver
  readonly #driverId: string
  readonly #app: App
  readonly #flow: Promise<void>[]
  readonly #wrong: string[] = []
  #results = 0
  #isEnding = false

  private constructor(cluster: TestCluster, workDir: string, driverId: string, driver: OneDriver, app: App) {
    this.#cluster = cluster
    this.#workDir = workDir
    this.#driverId = driverId
    this.#driver = driver
    this.#app = app
    const { mark } = app.tasks<Tasks>(tasksUrl)
    let next = 0
    const chain = async (): Promise<void> => {
      while (!this.#isEnding) {
        const id = next++
        const value = await mark({ file: join(workDir, 'runs'), id, ms: 5 })
        if (value !== id * id) this.#wrong.push(`task ${id} gave ${value}`)
        this.#results++
      }
    }
    this.#flow = Array.from({ length: TASKS_AT_ONCE }, () =>
      chain().catch((error: Error) => void this.#wrong.push(error.message)),
    )
  }

  static async start(cluster: TestCluster, workDir: string): Promise<Work> {
    const file = join(workDir, 'driver')
    const { code, stdout, stderr } = await cluster.cli([
      ...['submit', '--supervise', '--no-code', '--memory', '64m', '--json'],
      ...[driverMain, file],
    ])
    if (code !== 0) throw new Error(stderr)
    const driver = new OneDriver(file)
    await cluster.waitUntil('the driver', () => driver.alive.length === 1)
    // One executor, so that there is always room for the driver.
    const app = await cluster.connect({
      name: 'flow',
      executors: 1,
      executor: { cores: 1, memory: '128m' },
    })
    const { id } = JSON.parse(stdout) as { id: string }
    const work = new Work(cluster, workDir, id, driver, app)
    await cluster.waitUntil('the flow', () => work.#results > MORE_TASKS)
    return work
  }

  /** The driver and the executor have ended. */
  async isOver(): Promise<void> {
    await waitUntil('the work to end', () => this.#driver.alive.length === 0 && this.#inFolder().length === 0)
  }

  /** One process of the driver is there and known, and tasks go on. Gives what must not have been. */
  async settles({ fate }: RestartTrial): Promise<string[]> {
    const generation = fate === 'taken back' ? 1 : 2
    await this.#cluster.waitUntil('the driver to be where it belongs', async () => {
      const { drivers } = await this.#cluster.status()
      const found = drivers.find(({ id }) => id === this.#driverId)
      const [alive, ...others] = this.#driver.alive
      return (
        found?.state === 'RUNNING' &&
        found.generation === generation &&
        alive?.generation === generation &&
        others.length === 0
      )
    })
    const from = this.#results
    await this.#cluster.waitUntil('more tasks', () => this.#results > from + MORE_TASKS)
    const wrong = [...this.#wrong]
    const { retried } = this.#app.stats()
    if (this.#driver.all.length !== generation)
      wrong.push(`the driver started ${this.#driver.all.length} times`)
    if (this.#driver.atOnce > 1) wrong.push(`${this.#driver.atOnce} generations of the driver ran at once`)
    if (fate === 'taken back' && retried > 0) wrong.push(`${retried} tasks ran again`)
    return wrong
  }

  /** The Worker is killed: nothing may be left. Gives what is. */
  async end(worker: WorkerProcess): Promise<string[]> {
    this.#isEnding = true
    await Promise.all(this.#flow)
    await this.#app.close()
    await this.#cluster.cli(['kill', this.#driverId])
    await worker.kill()
    const wrong: string[] = []
    await this.isOver().catch((error: Error) => wrong.push(error.message))
    this.#driver.stop()
    return wrong
  }

  /** Processes that work in the folder of this Worker: its executors. */
  #inFolder(): number[] {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => {
        try {
          const { startTime } = readProcess(pid) ?? { startTime: '' }
          const isHere = readlinkSync(`/proc/${pid}/cwd`).startsWith(`${this.#workDir}/`)
          return isHere && isAlive({ pid, startTime })
        } catch {
          return false
        }
      })
  }
}
