import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseActorAddress } from '../../runtime/addresses.js'
import { reasonOf } from '../../runtime/errors.js'
import { dial } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { type Build, copyBuild, thisBuild } from '../harness/build-copy.js'
import { freePort } from '../harness/free-port.js'
import { startRedis, type TestCluster } from '../harness/index.js'
import { runCommand } from '../harness/run-command.js'
import { TestCluster as Cluster } from '../harness/test-cluster.js'
import { commandEnvironment, UpProcess } from '../harness/up-process.js'
import { RunningDriver, Submitters, stateOf } from '../tools/redis-cluster.js'
import { HandOvers } from './hand-overs.js'
import type { UpgradeTrialOptions } from './options.js'
import { LoadFlow } from './task-flow.js'

/*
 * A rolling upgrade under load: a cluster goes to a copy of this build with another version, and back, by the
 * command that people use. Nothing may be lost, run again or restarted.
 */

/** What the copy says of itself in a handshake, so that each node tells which build it is of. */
const OTHER_MAJOR = 99
const OTHER_VERSION = '99.0.1'
const SUBMITTERS = 2

export interface NodeStep {
  readonly node: string
  readonly from: string
  readonly to: string
  readonly ms: number
}

export interface UpgradeTrialReport {
  readonly steps: readonly NodeStep[]
  readonly tasks: number
  readonly submissions: number
  readonly drivers: number
  /** From the word of the leader that it hands over until its successor is ALIVE. */
  readonly handOversMs: readonly number[]
  readonly longestTaskGapMs: number
  readonly longestSubmissionMs: number
  /** What must not have been; empty: all was well. */
  readonly wrong: readonly string[]
}

interface TrialParts {
  readonly say: (text: string) => void
}

export async function upgradeTrial(
  options: UpgradeTrialOptions,
  { say }: TrialParts,
): Promise<UpgradeTrialReport> {
  const redis = await startRedis()
  try {
    const { masters, workers } = options
    const places = await Promise.all(
      Array.from({ length: masters }, async () => ({ host: '127.0.0.1', port: await freePort(), web: 0 })),
    )
    const handOvers = new HandOvers()
    const up = await UpProcess.start({
      cluster: `upgrade-${process.pid}`,
      ...{ masters, workers, places },
      cores: 2 + options.tasks + options.drivers,
      memory: '16g',
      recovery: { mode: 'REDIS', redis: redis.url },
      workerTimeout: undefined,
      orphanGrace: undefined,
      directory: undefined,
      onLog: handOvers.hear,
    })
    await using cluster = new Cluster(up)
    return { ...(await underLoad(cluster, options, say)), handOversMs: handOvers.ms }
  } finally {
    await redis.stop()
  }
}

async function underLoad(
  cluster: TestCluster,
  { masters, workers, drivers: count, tasks, submissions, rounds }: UpgradeTrialOptions,
  say: (text: string) => void,
): Promise<Omit<UpgradeTrialReport, 'handOversMs'>> {
  const other = await copyBuild(join(cluster.directory, 'other'), {
    version: OTHER_VERSION,
    nodeMajor: OTHER_MAJOR,
  })
  await cluster.waitAlive({ workers, standbys: masters - 1 })
  const drivers: RunningDriver[] = []
  for (let n = 0; n < count; n++) drivers.push(await RunningDriver.start(cluster, `driver-${n}`))
  const flow = await LoadFlow.start(cluster, tasks, workers)
  await using submitters = new Submitters(
    cluster,
    'upgrade',
    Array(SUBMITTERS).fill(undefined),
    (1000 * SUBMITTERS) / submissions,
  )
  await submitters.acknowledges(20)
  const wrong: string[] = []
  const steps: NodeStep[] = []
  const watch = watchSubmissions(submitters)
  for (let round = 0; round < rounds; round++) {
    for (const build of [other, thisBuild]) {
      say(`to the build in ${build.folder}`)
      steps.push(...(await upgraded(cluster, build, wrong)))
      wrong.push(...(await notOf(cluster, build)))
      const before = flow.results
      await cluster.waitUntil('more tasks', () => flow.results > before + tasks)
      await submitters.acknowledges(10)
    }
  }
  watch.stop()
  await submitters.stop()
  const state = await stateOf(cluster)
  for (const [name, code] of submitters.failed) wrong.push(`the submission ${name} failed: ${code}`)
  wrong.push(...(await flow.stop()))
  const checks: (() => unknown)[] = [
    () => submitters.check(state),
    ...drivers.map((driver) => () => driver.goesOn(state)),
  ]
  for (const check of checks) {
    try {
      await check()
    } catch (error) {
      wrong.push(reasonOf(error))
    }
  }
  return {
    steps,
    tasks: flow.results,
    submissions: submitters.acknowledged.size,
    drivers: drivers.length,
    longestTaskGapMs: Math.round(flow.longestGapMs),
    longestSubmissionMs: Math.round(watch.longestMs),
    wrong,
  }
}

/** The command as people call it, of the build that the cluster is to run. */
async function upgraded(cluster: TestCluster, build: Build, wrong: string[]): Promise<NodeStep[]> {
  const { code, stdout, stderr } = await runCommand({
    command: process.execPath,
    args: [build.bin, 'upgrade', 'cluster.yaml', '--json'],
    cwd: cluster.directory,
    env: commandEnvironment(),
    timeoutMs: 600_000,
  })
  if (code === 0) return (JSON.parse(stdout) as { nodes: NodeStep[] }).nodes
  wrong.push(`upgrade ended with ${code}: ${stderr}`)
  return []
}

/** Nodes that do not run this build, by what they say in a handshake. */
async function notOf(cluster: TestCluster, build: Build): Promise<string[]> {
  const wrong: string[] = []
  for (const { name, address } of cluster.nodes) {
    const { host, port } = parseActorAddress(address)
    const identity = { cluster: '', incarnation: 'client-that-looks' }
    const link = await dial({
      ...{ host, port, identity },
      role: 'client',
      tls: undefined,
      key: deriveKey(cluster.secret, 'client'),
    })
    link.close()
    if ((link.peer.nodeMajor === OTHER_MAJOR) !== (build !== thisBuild))
      wrong.push(`${name} does not run the build in ${build.folder}`)
  }
  return wrong
}

const LOOK_MS = 10

/** The longest time in which no submission was acknowledged. */
function watchSubmissions(submitters: Submitters): { readonly longestMs: number; stop(): void } {
  let isOver = false
  let longestMs = 0
  void (async () => {
    let [size, sinceMs] = [submitters.acknowledged.size, performance.now()]
    while (!isOver) {
      await delay(LOOK_MS)
      const nowMs = performance.now()
      longestMs = Math.max(longestMs, nowMs - sinceMs)
      if (submitters.acknowledged.size > size) [size, sinceMs] = [submitters.acknowledged.size, nowMs]
    }
  })()
  return {
    get longestMs() {
      return longestMs
    },
    stop: () => {
      isOver = true
    },
  }
}
