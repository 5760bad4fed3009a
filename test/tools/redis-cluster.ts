import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { App } from '../../actors/client/app.js'
import { MasterClient } from '../../actors/client/master-client.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { DriverStatus, MasterStateResponse } from '../../actors/messages/status.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { RedisServer, TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'

/*
 * What the tests of a cluster over Redis share: who leads as Redis has it, load, and what must be there
 * afterwards.
 */

const tasksUrl = new URL('./failover-tasks.js', import.meta.url)
type Tasks = typeof import('./failover-tasks.js')
/** A driver that leaves a line each time it starts, and stays. */
const stayingMain = fileURLToPath(new URL('./failover-driver.js', import.meta.url))
/** More than any Worker here has: it waits for ever. */
const NO_SUCH_CORES = 1000

export function clientOf({ address, secret }: TestCluster, masterTimeoutMs?: number): MasterClient {
  return new MasterClient({
    cluster: '',
    masters: address
      .replace('firesteel://', '')
      .split(',')
      .map((hostPort) => `firesteel://${hostPort}`),
    credential: { role: 'client', tls: undefined, key: deriveKey(secret, 'client') },
    ...(masterTimeoutMs !== undefined && { masterTimeoutMs }),
  })
}

/** A node has said so lately. */
export function logged(cluster: TestCluster, line: RegExp): void {
  if (!line.test(cluster.log)) assert.fail(`no node has logged ${line}:\n${cluster.log}`)
}

/** Asks the leader, whichever it is. */
export async function stateOf(cluster: TestCluster): Promise<MasterStateResponse> {
  const client = clientOf(cluster)
  try {
    return await client.request({ type: 'RequestMasterState' })
  } finally {
    await client.close()
  }
}

export interface Leadership {
  readonly epoch: number
  readonly owner: string
  /** By the clock of Redis, milliseconds. */
  readonly touchedMs: number
}

/** The leader record. */
export async function leadership(redis: RedisServer, cluster: string): Promise<Leadership> {
  const lines = (
    await redis.cli('HMGET', `{firesteel:${cluster}}:leader`, 'epoch', 'owner', 'touched')
  ).split('\n')
  return { epoch: Number(lines[0]), owner: lines[1] ?? '', touchedMs: Number(lines[2]) / 1000 }
}

/** The same leader renews for so long, and never another. */
export async function leaderStays(redis: RedisServer, cluster: string, forMs: number): Promise<Leadership> {
  const first = await leadership(redis, cluster)
  let now = first
  await waitUntil(
    `the leader to renew for ${forMs} ms`,
    async () => {
      now = await leadership(redis, cluster)
      return now.epoch !== first.epoch || now.touchedMs - first.touchedMs >= forMs
    },
    { deadlineMs: forMs + 10_000, everyMs: 100 },
  )
  assert.deepEqual([now.epoch, now.owner], [first.epoch, first.owner], 'another has been elected')
  return now
}

const filesOf = ({ dir }: RedisServer): string => join(dir, 'appendonlydir')

/** An older state of a Redis, to fall back to while it does not run. */
export async function copyOf(redis: RedisServer): Promise<{ putBack(): Promise<void> }> {
  const files = filesOf(redis)
  const copy = join(redis.dir, 'copy')
  await rm(copy, { recursive: true, force: true })
  await cp(files, copy, { recursive: true })
  return {
    async putBack() {
      await rm(files, { recursive: true, force: true })
      await cp(copy, files, { recursive: true })
    },
  }
}

/**
 * The end of what a Redis has written by now; cut there, while it does not run, it ends in the middle of a
 * command.
 */
export async function endOf(redis: RedisServer): Promise<{ cut(): Promise<void> }> {
  const names = await readdir(filesOf(redis))
  const file = join(filesOf(redis), names.find((name) => name.endsWith('.incr.aof'))!)
  const { size } = await stat(file)
  return { cut: () => truncate(file, size + 20) }
}

const description = (name: string, extra: Partial<DriverDescription>): DriverDescription => ({
  ...driverDescription,
  name,
  main: stayingMain,
  ...extra,
})

/** A driver that never finds room. */
export const waitingDriver = (name: string): DriverDescription => description(name, { cores: NO_SUCH_CORES })

export async function submit(
  client: MasterClient,
  driver: DriverDescription,
  key = driver.name,
): Promise<string> {
  return (await client.request({ type: 'RequestSubmitDriver', key, description: driver })).driverId
}

/** A driver that runs, and must go on as the process that it is. */
export class RunningDriver {
  readonly id: string
  readonly #file: string
  readonly #pid: number

  private constructor(id: string, file: string, pid: number) {
    this.id = id
    this.#file = file
    this.#pid = pid
  }

  static async start(cluster: TestCluster, name = 'running'): Promise<RunningDriver> {
    const file = join(cluster.directory, `${name}.started`)
    const client = clientOf(cluster)
    try {
      const id = await submit(client, description(name, { supervise: true, args: [file] }))
      const line = await cluster.waitUntil(`driver ${name} to run`, async () => (await linesOf(file))[0])
      return new RunningDriver(id, file, Number(line.split(' ')[1]))
    } finally {
      await client.close()
    }
  }

  /** The same process, started once; in the cluster state as well, where they are given. */
  async goesOn(clusterState?: MasterStateResponse): Promise<void> {
    assert.equal((await linesOf(this.#file)).length, 1, 'it was started again')
    const state = readProcess(this.#pid)?.state
    assert.ok(state !== undefined && state !== 'Z', 'its process is gone')
    const entry = clusterState?.activeDrivers.find(({ id }) => id === this.id)
    if (clusterState) assert.deepEqual([entry?.state, entry?.generation], ['RUNNING', 1])
  }
}

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)

/** Tasks of a few milliseconds, one after the other until it is stopped. */
export class TaskFlow {
  readonly #cluster: TestCluster
  readonly #app: App
  readonly #file: string
  readonly #ended: Promise<void>
  #done = 0
  #ending = false

  private constructor(cluster: TestCluster, app: App) {
    this.#cluster = cluster
    this.#app = app
    this.#file = join(cluster.directory, `${app.id}.runs`)
    this.#ended = this.#flow()
    this.#ended.catch(() => undefined)
  }

  static async start(cluster: TestCluster): Promise<TaskFlow> {
    const app = await cluster.connect({ name: 'flow', cores: 1, executor: { cores: 1, memory: '128m' } })
    const flow = new TaskFlow(cluster, app)
    await flow.flows()
    return flow
  }

  /** So many more results come. */
  async flows(more = 20): Promise<void> {
    const from = this.#done
    await this.#cluster.waitUntil('tasks to flow', async () => {
      await Promise.race([this.#ended, delay(0)])
      return this.#done >= from + more
    })
  }

  /** Each task has run once, and its result came once. */
  async stop(): Promise<void> {
    this.#ending = true
    await this.#ended
    const { retried, lost, dropped, done } = this.#app.stats()
    assert.deepEqual({ retried, lost, dropped, done }, { retried: 0, lost: 0, dropped: 0, done: this.#done })
    const runs = await linesOf(this.#file)
    assert.equal(runs.length, this.#done)
    assert.equal(new Set(runs).size, this.#done)
    await this.#app.close()
  }

  async #flow(): Promise<void> {
    const { mark } = this.#app.tasks<Tasks>(tasksUrl)
    for await (const value of this.#app.map(mark, this.#inputs())) {
      assert.equal(value, this.#done * this.#done)
      this.#done++
    }
  }

  *#inputs(): Generator<{ file: string; id: number; ms: number }> {
    for (let id = 0; !this.#ending; id++) yield { file: this.#file, id, ms: 5 }
  }
}

const SUBMIT_EVERY_MS = 10

/** Clients that submit waiting drivers all the time, each with a name and key of its own. */
export class Submitters implements AsyncDisposable {
  readonly #cluster: TestCluster
  readonly #clients: MasterClient[] = []
  readonly #loops: Promise<void>[] = []
  /** Name -> id, as it was acknowledged. */
  readonly acknowledged = new Map<string, string>()
  /** Name -> code: what came of it is not known, or it was refused. */
  readonly failed = new Map<string, string>()
  #ending = false

  readonly #everyMs: number

  /**
   * `timeoutsMs`: one client each; undefined is the default of 30 s. `everyMs`: between an answer and the
   * next submission of a client.
   */
  constructor(
    cluster: TestCluster,
    prefix: string,
    timeoutsMs: readonly (number | undefined)[],
    everyMs = SUBMIT_EVERY_MS,
  ) {
    this.#cluster = cluster
    this.#everyMs = everyMs
    for (const [index, timeoutMs] of timeoutsMs.entries()) {
      const client = clientOf(cluster, timeoutMs)
      this.#clients.push(client)
      this.#loops.push(this.#loop(client, `${prefix}-${index}`))
    }
  }

  /** So many more are acknowledged. */
  async acknowledges(more: number): Promise<void> {
    const from = this.acknowledged.size
    await this.#cluster.waitUntil(
      'submissions to be acknowledged',
      () => this.acknowledged.size >= from + more,
    )
  }

  /** Ends; resolves when each submission under way has come to something. */
  async stop(): Promise<void> {
    this.#ending = true
    await Promise.all(this.#loops)
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  /** Ends at once, whatever is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true
    await Promise.all(this.#clients.map((client) => client.close()))
    await Promise.all(this.#loops)
  }

  /** What failed is submitted again with its key: it is one driver, whatever became of the first try. */
  async repeatFailed(): Promise<void> {
    const client = clientOf(this.#cluster)
    for (const name of [...this.failed.keys()]) {
      this.acknowledged.set(name, await submit(client, waitingDriver(name)))
      this.failed.delete(name)
    }
    await client.close()
  }

  /** Each acknowledged one is there under its id, and nothing is there twice. */
  check(clusterState: MasterStateResponse): void {
    const ids = new Map<string, string[]>()
    for (const { id, description } of everyDriver(clusterState)) {
      ids.set(description.name, [...(ids.get(description.name) ?? []), id])
    }
    for (const [name, id] of this.acknowledged) assert.deepEqual(ids.get(name), [id], name)
    for (const name of this.failed.keys())
      assert.ok((ids.get(name) ?? []).length <= 1, `${name} is there twice`)
  }

  async #loop(client: MasterClient, prefix: string): Promise<void> {
    for (let n = 0; !this.#ending; n++) {
      const name = `${prefix}-${n}`
      try {
        this.acknowledged.set(name, await submit(client, waitingDriver(name)))
      } catch (error) {
        if (!isFiresteelError(error)) throw error
        this.failed.set(name, error.code)
      }
      await delay(this.#everyMs)
    }
  }
}

export const everyDriver = (clusterState: MasterStateResponse): DriverStatus[] => [
  ...clusterState.activeDrivers,
  ...clusterState.completedDrivers,
]
