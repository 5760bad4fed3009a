import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MasterClient } from '../../actors/client/master-client.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { MasterStateResponse, WorkerStatus } from '../../actors/messages/status.js'
import { createTestCluster, startRedis, type TestCluster, waitUntil } from '../harness/index.js'
import { TaskFlow } from '../tools/load/flow.js'
import { countGenerations, parseBeats } from '../tools/load/generations.js'
import { newClient } from '../tools/load/stage.js'
import { pick, type Random, randomFor } from './draw.js'

/*
 * `npm run soak -- --drains N`: Workers drained at random under a flow of tasks and with supervised drivers,
 * some across a kill of the leader. No drain reaches its deadline, so nothing may be lost, run again, or run
 * twice at once.
 */

const MASTERS = 3
const WORKERS = 4
const CORES = 4
const SERVICES = 3
const FLOW_CORES = 4
const TASK_MS = 25
/** Longer than a drain of this work takes. */
const DEADLINE_MS = 120_000
const PATIENCE_MS = 60_000
/** Results between two drains: the executors that came are at work. */
const RESULTS = 100
/** Of the drains, so many in which the leader is killed, and in which two Workers go at once. */
const KILL_SHARE = 0.25
const PAIR_SHARE = 0.25

export interface DrainReport {
  readonly seed: number
  readonly drains: number
  readonly leaderKills: number
  readonly seconds: number
  readonly tasks: number
  readonly lost: number
  /** Results that came twice. */
  readonly twice: number
  /** Why tasks ran again. */
  readonly reruns: readonly string[]
  /** Moves of supervised drivers. */
  readonly moves: number
  /** Pairs of processes of one driver that ran at once. */
  readonly driversTwice: number
}

export const isCleanDrain = ({ lost, twice, reruns, driversTwice }: DrainReport): boolean =>
  lost + twice + reruns.length + driversTwice === 0

export const drainText = (report: DrainReport): string =>
  [
    `seed ${report.seed}: ${report.drains} drains, ${report.leaderKills} of them across a kill of the leader, in ${report.seconds} s`,
    `${report.tasks} tasks: ${report.lost} lost, ${report.twice} results twice, ${report.reruns.length} run again`,
    `${report.moves} moves of supervised drivers: ${report.driversTwice} of them with two processes at once`,
    ...report.reruns.map((cause) => `  run again: ${cause}`),
    '',
  ].join('\n')

/** The work on one cluster, and what is asked of it. */
class Trial {
  readonly #cluster: TestCluster
  readonly #client: MasterClient
  readonly #random: Random
  /** Of its own: a weak generator must not tie the kills to the Workers. */
  readonly #kills: Random
  leaderKills = 0

  constructor(cluster: TestCluster, client: MasterClient, seed: number) {
    this.#cluster = cluster
    this.#client = client
    this.#random = randomFor(seed, 'fault', 1)
    this.#kills = randomFor(seed, 'jobs', 1)
  }

  beatFile(index: number): string {
    return join(this.#cluster.directory, `service-${index}`)
  }

  async startServices(): Promise<void> {
    for (let index = 0; index < SERVICES; index++) {
      const description = {
        ...driverDescription,
        name: `service-${index}`,
        main: fileURLToPath(new URL('../tools/load/service.js', import.meta.url)),
        args: [this.beatFile(index)],
        cwd: this.#cluster.directory,
        supervise: true,
      }
      await this.#client.request({ type: 'RequestSubmitDriver', key: description.name, description })
    }
    await this.#until('all services run', ({ activeDrivers }) => areRunning(activeDrivers))
  }

  /** One or two Workers, until nothing is left on them. Returns how many. */
  async drain(): Promise<number> {
    const { workers } = await this.#state()
    const alive = workers.filter(({ state }) => state === 'ALIVE').map(({ name }) => name)
    const first = pick(this.#random, alive)
    const others = alive.filter((name) => name !== first)
    const names = this.#random() < PAIR_SHARE ? [first, pick(this.#random, others)] : [first]
    const kills = this.#kills() < KILL_SHARE
    const isEarly = this.#kills() < 0.5
    const asked = this.#client.request({
      type: 'DecommissionWorkers',
      workers: names,
      deadlineMs: DEADLINE_MS,
      reason: 'a trial',
    })
    if (kills && isEarly) await this.#killLeader()
    await asked
    if (kills && !isEarly) await this.#killLeader()
    await this.#until(`nothing is left on ${names.join(' and ')}`, (state) =>
      names.every((name) => isEmpty(state.workers.find((worker) => worker.name === name))),
    )
    await this.#client.request({ type: 'RecommissionWorkers', workers: names })
    await this.#until('all Workers take work, and all services run', (state) => {
      const back = state.workers.filter(({ state: is }) => is === 'ALIVE').length
      return back === WORKERS && areRunning(state.activeDrivers)
    })
    return names.length
  }

  async #killLeader(): Promise<void> {
    const leader = await this.#cluster.leader()
    if (!leader) return
    await this.#cluster.kill(leader)
    this.leaderKills++
  }

  #state(): Promise<MasterStateResponse> {
    return this.#client.request({ type: 'RequestMasterState' })
  }

  #until(what: string, isSo: (state: MasterStateResponse) => boolean): Promise<unknown> {
    const look = async (): Promise<true | undefined> => {
      const state = await this.#state().catch(() => undefined)
      return state?.state === 'ALIVE' && isSo(state) ? true : undefined
    }
    return waitUntil(what, look, { deadlineMs: PATIENCE_MS, everyMs: 50 })
  }
}

const isEmpty = (worker: WorkerStatus | undefined): boolean =>
  worker?.drain !== undefined && worker.drain.executors + worker.drain.drivers === 0

const areRunning = (drivers: MasterStateResponse['activeDrivers']): boolean =>
  drivers.filter(({ state, pid }) => state === 'RUNNING' && pid !== undefined).length === SERVICES

/** Until so many more results have come. Returns how many there are. */
async function workOn(flow: TaskFlow, reruns: string[]): Promise<number> {
  const look = async (): Promise<number> => {
    const { delivered, repeated } = await flow.look()
    reruns.push(...repeated)
    return delivered
  }
  const before = await look()
  const enough = async (): Promise<number | undefined> => {
    const delivered = await look()
    return delivered >= before + RESULTS ? delivered : undefined
  }
  return waitUntil('tasks go on', enough, { deadlineMs: PATIENCE_MS, everyMs: 50 })
}

export async function soakDrains(
  { drains: most, seed }: { readonly drains: number; readonly seed: number },
  { say, isOver }: { readonly say: (line: string) => void; readonly isOver: () => boolean },
): Promise<DrainReport> {
  const beganMs = performance.now()
  const redis = await startRedis()
  const shape = { masters: MASTERS, workers: WORKERS, cores: CORES, redis: redis.url }
  const cluster = await createTestCluster(shape).catch(async (error: unknown) => {
    await redis.stop()
    throw error
  })
  const client = newClient(cluster)
  let flow: TaskFlow | undefined
  try {
    const trial = new Trial(cluster, client, seed)
    await trial.startServices()
    const { address, secret, directory } = cluster
    const file = join(directory, 'flow')
    flow = await TaskFlow.start({ address, secret, file, cores: FLOW_CORES, taskMs: TASK_MS })
    let drains = 0
    const reruns: string[] = []
    while (drains < most && !isOver()) {
      drains += await trial.drain()
      const delivered = await workOn(flow, reruns)
      say(`${drains} drains, ${trial.leaderKills} kills, ${delivered} tasks, ${reruns.length} run again`)
    }
    const totals = await flow.drain()
    reruns.push(...totals.repeated)
    let moves = 0
    let driversTwice = 0
    for (let index = 0; index < SERVICES; index++) {
      const { atOnce, restarts } = countGenerations(parseBeats(await readFile(trial.beatFile(index), 'utf8')))
      moves += restarts
      driversTwice += atOnce
    }
    const { given: tasks, lost, twice } = totals
    const seconds = Math.round((performance.now() - beganMs) / 1000)
    const { leaderKills } = trial
    return { seed, drains, leaderKills, seconds, tasks, lost, twice, reruns, moves, driversTwice }
  } finally {
    await flow?.end()
    await client.close()
    await cluster.stop()
    await redis.stop()
  }
}
