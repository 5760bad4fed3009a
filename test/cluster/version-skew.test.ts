import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type DriverDescription, summaryOfDriver } from '../../actors/messages/common.js'
import { parseActorAddress } from '../../runtime/addresses.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { dial } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { nodeMajor } from '../../runtime/transport/node-major.js'
import { ownProtocols } from '../../runtime/transport/protocol-range.js'
import { type FileLine, readFiles, withNextVersion, writeFiles } from '../fixtures/file-store.js'
import {
  endedApplication,
  endedDriver,
  endedKey,
  waitingDriver as stored,
} from '../fixtures/record-samples.js'
import { load, RECORDED_SECRET, type RedisLine } from '../fixtures/redis-store.js'
import { currentRelease, readLines, readRelease, recordedReleases } from '../fixtures/releases.js'
import { RECORDED_CLUSTER } from '../fixtures/store-history.js'
import { type Build, copyBuild, thisBuild } from '../harness/build-copy.js'
import type { ClusterProcesses } from '../harness/cluster-processes.js'
import { createTestCluster, startRedis } from '../harness/index.js'
import { type ClusterNode, NodeRegistry, type UpLine } from '../harness/node-registry.js'
import { OutputTail } from '../harness/output-tail.js'
import { ProcessWatch } from '../harness/process-watch.js'
import { runCommand } from '../harness/run-command.js'
import { TestCluster } from '../harness/test-cluster.js'
import { commandEnvironment } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, errorOf, firesteel, folder, isAlive } from '../tools/command-fixture.js'
import { ownLoopback } from '../tools/own-loopback.js'
import {
  clientOf,
  leadership,
  Submitters,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'

/*
 * Builds of two releases on one machine: what works together does, and what does not says so
 * (docs/compatibility.md).
 */

const SECRET = 'a secret of version skew tests only'
const NEXT_MAJOR = 99

/** A launcher of one build and the nodes that it runs. */
class Launched {
  readonly build: Build
  readonly registry = new NodeRegistry()
  readonly watch: ProcessWatch
  readonly #child: Child
  readonly #log: OutputTail
  #stopped: Promise<void> | undefined

  private constructor(build: Build, child: Child) {
    this.build = build
    this.#child = child
    this.watch = new ProcessWatch(child)
    this.#log = new OutputTail(child.stderr!, 200)
    new OutputTail(child.stdout!, 1, (line) => this.registry.apply(JSON.parse(line) as UpLine))
  }

  static async start(build: Build, file: string, cwd: string, nodes: readonly string[]): Promise<Launched> {
    const child = await startChild({
      command: process.execPath,
      args: [build.bin, 'up', file, '--json', '--until-stdin-ends', '--only', nodes.join(',')],
      cwd,
      env: commandEnvironment({ FIRESTEEL_SECRET: SECRET }),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      ownGroup: true,
      followDescendants: false,
    })
    return new Launched(build, child)
  }

  get log(): string {
    return this.#log.text
  }

  /** Throws with its log if the launcher has ended before. */
  async ready(): Promise<void> {
    await Promise.race([
      waitUntil('the nodes of a build to be ready', () => this.registry.master !== ''),
      this.#child.exited.then(({ code, signal }) => {
        throw new Error(`The launcher of a build ended with ${code ?? signal}:\n${this.log}`)
      }),
    ])
  }

  /** SIGTERM; rejects, after killing them, where processes outlive it. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.watch.look()
    await this.#child.stop({ graceMs: 20_000 })
    try {
      await waitUntil('the processes of a build to end', () => this.watch.survivors().length === 0)
    } finally {
      this.watch.killSurvivors()
      this.watch.close()
    }
  }
}

/** Several launchers, each of a build of its own, as one cluster. */
class Builds implements ClusterProcesses {
  readonly directory: string
  readonly secret = SECRET
  readonly #all: Launched[]

  constructor(directory: string, all: Launched[]) {
    this.directory = directory
    this.#all = all
  }

  get registry(): ClusterProcesses['registry'] {
    const nodes = this.#all.flatMap(({ registry }) => registry.nodes)
    return {
      master: this.#all.find(({ registry }) => registry.master !== '')?.registry.master ?? '',
      nodes,
      find: (name) =>
        this.#all
          .find(({ registry }) => registry.nodes.some((node) => node.name === name))!
          .registry.find(name),
    }
  }

  readonly watch = { look: (): void => this.#all.forEach(({ watch }) => void watch.look()) }

  get log(): string {
    return this.#all.map(({ log }) => log).join('\n')
  }

  diagnostics(): string {
    const nodes = this.registry.nodes.map(({ name, pid }) => `${name} ${pid}`)
    return `--- ${nodes.join(', ')}\n${this.log}\n---`
  }

  async stop(): Promise<void> {
    const ends = await Promise.allSettled(this.#all.map((one) => one.stop()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) throw failed.reason
  }
}

/** Only this build has them: what asks for one runs there. */
const only = (build: 'A' | 'B') => `only-${build.toLowerCase()}`

const [M1, M2, M3, W1, W2] = ownLoopback(5)

const deployment = (cluster: string, redis: string): string => `
cluster: ${cluster}
recovery: {mode: REDIS, redis: "${redis}", lease: 1s}
masters:
  - {name: m1, host: ${M1}}
  - {name: m2, host: ${M2}}
  - {name: m3, host: ${M3}}
workers:
  - {name: w1, host: ${W1}, port: 0, web: 0, cores: 4, memory: 2g, resources: {${only('A')}: ["0", "1"]}}
  - {name: w2, host: ${W2}, port: 0, web: 0, cores: 4, memory: 2g, resources: {${only('B')}: ["0", "1"]}}
security: {secret: "\${FIRESTEEL_SECRET}"}
logging: {level: info, format: json}
`

/** Build A runs m1 and w1, build B runs m2, m3 and w2. */
async function startTwoBuilds(t: TestContext, home: string, name: string, redis: string, other: Build) {
  const file = join(home, 'cluster.yaml')
  await writeFile(file, deployment(name, redis))
  const start = async (build: Build, folderName: string, nodes: readonly string[]): Promise<Launched> => {
    const cwd = join(home, folderName)
    await mkdir(cwd)
    const launched = await Launched.start(build, file, cwd, nodes)
    atEnd(t, () => launched.stop())
    return launched
  }
  const a = await start(thisBuild, 'nodes-a', ['m1', 'w1'])
  const b = await start(other, 'nodes-b', ['m2', 'm3', 'w2'])
  const cluster = new TestCluster(new Builds(home, [a, b]))
  atEnd(t, () => cluster.stop())
  await Promise.all([a.ready(), b.ready()])
  await cluster.waitAlive({ workers: 2, standbys: 2 })
  return { cluster, a, b }
}

/** A supervised driver on the Worker of one build, which leaves a line at each start. */
async function startDriver(cluster: TestCluster, build: 'A' | 'B') {
  const file = join(cluster.directory, `driver-${build}.started`)
  const description: DriverDescription = {
    ...waitingDriver(`driver-${build}`),
    cores: 1,
    supervise: true,
    args: [file],
    resources: { [only(build)]: 1 },
  }
  const client = clientOf(cluster)
  const id = await submit(client, description).finally(() => client.close())
  const starts = async (): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const [first = ''] = await cluster.waitUntil(`driver-${build} to run`, async () => {
    const lines = await starts()
    return lines.length > 0 ? lines : undefined
  })
  const pid = Number(first.split(' ')[1])
  return {
    async goesOn(): Promise<void> {
      assert.equal((await starts()).length, 1, `driver-${build} was started again`)
      assert.ok(isAlive(pid), `the process of driver-${build} is gone`)
      const entry = (await stateOf(cluster)).activeDrivers.find((driver) => driver.id === id)
      assert.deepEqual([entry?.state, entry?.generation], ['RUNNING', 1])
    },
  }
}

/** Tasks on an executor that the Worker of one build started. */
function startFlow(cluster: TestCluster, build: 'A' | 'B'): Promise<TaskFlow> {
  const there = new Proxy(cluster, {
    get(target, name) {
      if (name === 'connect') {
        return (options: Parameters<TestCluster['connect']>[0] = {}) =>
          target.connect({ ...options, executor: { ...options.executor, resources: { [only(build)]: 1 } } })
      }
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return TaskFlow.start(there)
}

/** Which major of Node a node says that it runs on: the copy says another. */
async function majorOf({ secret }: TestCluster, { address }: ClusterNode): Promise<number> {
  const { host, port } = parseActorAddress(address)
  const identity = { cluster: '', incarnation: 'client-that-looks' }
  const link = await dial({
    host,
    port,
    identity,
    role: 'client',
    tls: undefined,
    key: deriveKey(secret, 'client'),
  })
  link.close()
  return link.peer.nodeMajor
}

test('a cluster of two builds: leadership passes A -> B -> A by kill -9, and nothing is lost', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const home = await folder(t)
  const other = await copyBuild(join(home, 'build-b'), {
    version: '99.0.1',
    nodeMajor: NEXT_MAJOR,
    // As a release that has raised the protocol: it speaks this one too.
    protocols: { min: ownProtocols.min, max: ownProtocols.max + 1 },
  })
  const name = `skew-${process.pid}`
  const { cluster, a, b } = await startTwoBuilds(t, home, name, redis.url, other)
  for (const { build, registry } of [a, b]) {
    for (const node of registry.nodes) {
      assert.equal(await majorOf(cluster, node), build === other ? NEXT_MAJOR : nodeMajor, node.name)
    }
  }
  const version = await runCommand({
    command: process.execPath,
    args: [other.bin, '--version'],
    cwd: '/',
    env: commandEnvironment(),
  })
  assert.equal(version.stdout.trim(), '99.0.1')

  await using submitters = new Submitters(cluster, 'skew', [undefined, undefined])
  const drivers = [await startDriver(cluster, 'A'), await startDriver(cluster, 'B')]
  const flows = [await startFlow(cluster, 'A'), await startFlow(cluster, 'B')]
  await submitters.acknowledges(20)

  const buildOf = (owner: string): 'A' | 'B' => (owner.startsWith('m1-') ? 'A' : 'B')
  let now = await leadership(redis, name)
  let led: string = buildOf(now.owner)
  for (let kills = 0; !/A.*B.*A/.test(led); kills++) {
    assert.ok(kills < 40, `after ${kills} kills the builds led in this order: ${led}`)
    const before = now
    await cluster.kill(before.owner.split('-')[0] as string)
    now = await cluster.waitUntil('another Master to be elected', async () => {
      const found = await leadership(redis, name)
      return found.epoch > before.epoch && found.owner !== before.owner ? found : undefined
    })
    led += buildOf(now.owner)
    await submitters.acknowledges(10)
    for (const flow of flows) await flow.flows(10)
    await cluster.waitAlive({ workers: 2, standbys: 2 })
  }
  t.diagnostic(`the builds led in this order: ${led}`)
  for (const driver of drivers) await driver.goesOn()
  for (const flow of flows) await flow.stop()

  const asked = await runCommand({
    command: process.execPath,
    args: [other.bin, 'status', '--json'],
    cwd: '/',
    env: commandEnvironment({ FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: SECRET }),
  })
  assert.equal(asked.code, 0, asked.stderr)

  // The end of an upgrade: the older build is stopped in order, and the newer goes on alone.
  await a.stop()
  await submitters.acknowledges(10)
  assert.equal(buildOf((await leadership(redis, name)).owner), 'B')
  await submitters.stop()
  assert.deepEqual([...submitters.failed], [])
  submitters.check(await stateOf(cluster))
})

test('a build of another protocol: its commands and Workers are kept out, and the cluster goes on', async (t) => {
  const cwd = await folder(t)
  const next = readRelease(currentRelease).protocol + 1
  const other = await copyBuild(join(cwd, 'build-c'), {
    version: '99.0.2',
    protocols: { min: next, max: next },
  })
  await using cluster = await createTestCluster()
  const before = await cluster.waitAlive()
  const env = commandEnvironment({ FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret })
  const asked = await runCommand({
    command: process.execPath,
    args: [other.bin, 'status', '--json'],
    cwd: '/',
    env,
  })
  const { code, message } = errorOf(asked)
  assert.deepEqual([asked.code, code], [4, 'FIRESTEEL_VERSION_UNSUPPORTED'], asked.stderr)
  assert.match(message, /version of the protocol/)

  const worker = await startChild({
    command: process.execPath,
    args: [
      other.bin,
      'worker',
      '--cluster',
      'test',
      '--name',
      'w9',
      '--web',
      '0',
      '--cores',
      '1',
      '--memory',
      '1g',
    ],
    cwd,
    env,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => worker.stop({ graceMs: 10_000 }))
  const said = new OutputTail(worker.stderr!, 50)
  const refused = /VERSION_UNSUPPORTED/
  await waitUntil('the Worker to say why', () => refused.test(said.text))
  await cluster.waitUntil('the Master to say why', () => refused.test(cluster.log))
  const { workers } = await cluster.status()
  assert.deepEqual(
    workers.map(({ name, state }) => [name, state]),
    [['w1', 'ALIVE']],
  )
  assert.equal((await cluster.leader())?.pid, before.pid)
})

/** A Master that was elected on a recorded store has what was acknowledged before. */
async function hasWhatWasStored(cluster: TestCluster): Promise<void> {
  await cluster.waitAlive({ workers: 1 })
  const clusterState = await stateOf(cluster)
  const waiting = clusterState.activeDrivers.find(({ id }) => id === stored.id)
  assert.deepEqual(waiting?.description, summaryOfDriver(stored.description))
  assert.equal(waiting?.state, 'SUBMITTED')
  const ended = clusterState.completedDrivers.find(({ id }) => id === endedDriver.id)
  assert.deepEqual([ended?.state, ended?.exitCode], [endedDriver.state, endedDriver.exitCode])
  assert.ok(clusterState.completedApps.some(({ id }) => id === endedApplication.id))
  const client = clientOf(cluster)
  try {
    for (const key of [stored.key, endedKey]) {
      await assert.rejects(submit(client, waitingDriver('another'), key), { code: 'FIRESTEEL_KEY_REUSED' })
    }
  } finally {
    await client.close()
  }
}

for (const release of recordedReleases()) {
  test(`a Master of today on the Redis that ${release} left`, async (t) => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    await load(redis, readLines<RedisLine>(release, 'redis.jsonl'))
    const directory = await folder(t)
    await mkdir(join(directory, '.firesteel'), { mode: 0o700 })
    await writeFile(join(directory, '.firesteel', 'secret'), RECORDED_SECRET, { mode: 0o600 })
    const options = { redis: redis.url, cluster: RECORDED_CLUSTER, directory }
    await using cluster = await createTestCluster(options)
    await hasWhatWasStored(cluster)
  })

  test(`a Master of today on the files that ${release} left`, async (t) => {
    const directory = await folder(t)
    await writeFiles(join(directory, 'state'), readLines<FileLine>(release, 'file-system.jsonl'))
    await using cluster = await createTestCluster({ directory, cluster: RECORDED_CLUSTER })
    await hasWhatWasStored(cluster)
  })
}

test('files of a later version: the Master ends with exit 4 and says both versions; nothing has changed', async (t) => {
  const cwd = await folder(t)
  const state = join(cwd, 'state')
  const version = readRelease(currentRelease).fileVersion
  await writeFiles(state, readLines<FileLine>(currentRelease, 'file-system.jsonl').map(withNextVersion))
  await writeFile(join(state, 'notes'), 'of the people who run it')
  const before = await readFiles(state)
  const flags = ['--cluster', RECORDED_CLUSTER, '--recovery', 'FILESYSTEM', '--directory', state]
  const outcome = await firesteel(['master', '--json', '--port', '0', '--web', '0', ...flags], { cwd })
  const { code, message, help } = errorOf(outcome)
  assert.deepEqual([outcome.code, code], [4, 'FIRESTEEL_VERSION_UNSUPPORTED'], outcome.stderr)
  assert.match(message, new RegExp(`format ${version + 1}; this Firesteel knows ${version}\\.`))
  assert.ok(help.length > 0)
  assert.deepEqual(await readFiles(state), before)
})
