/*
 * The package's entry `firesteel/testing`: a cluster of real processes inside a test, and the tests that a
 * module for recovery.mode CUSTOM must pass.
 */

import { randomBytes } from 'node:crypto'
import { FiresteelError } from '../../runtime/errors.js'
import { checkOptions, namesOf } from './check-options.js'
import type { RecoveryKeys, TlsKeys } from './deployment-file.js'
import { TestCluster } from './test-cluster.js'
import { UpProcess } from './up-process.js'

export { type CustomRecoveryTestOptions, testCustomRecovery } from '../conformance/custom-recovery.js'
export type { ClusterNode } from './node-registry.js'
export {
  type RedisServer,
  type RedisServerOptions,
  type SentinelGroup,
  type SentinelOptions,
  startRedis,
  startSentinels,
} from './redis-server.js'
export type { CommandOutcome } from './run-command.js'
export type { StatusReport } from './status-report.js'
export type { CliOptions, NodeName, TestCluster, WaitAliveOptions } from './test-cluster.js'
export { type WaitOptions, waitUntil } from './wait-until.js'

/**
 * Includes all keys of `recovery` in a deployment file except `mode` and `directory`, each for its own mode.
 */
export interface TestClusterOptions extends Omit<RecoveryKeys, 'mode'> {
  /** Default 1; several need recovery REDIS or CUSTOM. */
  readonly masters?: number
  /** Default 1. */
  readonly workers?: number
  /** Of each Worker; default 2. */
  readonly cores?: number
  /** Memory that each Worker offers, such as `4g`; it does not use it. Default 4g. */
  readonly memory?: string
  /**
   * Where a killed Master finds its state again. Default: REDIS with `redis` or `sentinel`, otherwise
   * FILESYSTEM.
   */
  readonly recovery?: RecoveryKeys['mode']
  /**
   * URL of a Redis, such as that of `startRedis()`. Several clusters may share it, because each has keys of
   * its own.
   */
  readonly redis?: string
  /** After this silence a Worker is dead, such as `10s`; at least four leases. Default 60s. */
  readonly workerTimeout?: string
  /** What a Worker runs lives on for so long after its process died. Default `0s`. */
  readonly orphanGrace?: string
  /** Files of `security.tls`, which `firesteel cert` makes. Default: no TLS. */
  readonly tls?: TlsKeys
  /** Name of the cluster. Default `test`; with REDIS, where it names the keys, a random one. */
  readonly cluster?: string
  /** Folder of the cluster. It is kept when the cluster stops. Default: a temporary one, deleted then. */
  readonly directory?: string
}

const optionNames = namesOf<TestClusterOptions>({
  masters: true,
  workers: true,
  cores: true,
  memory: true,
  recovery: true,
  redis: true,
  sentinel: true,
  election: true,
  lease: true,
  replicas: true,
  module: true,
  workerTimeout: true,
  orphanGrace: true,
  tls: true,
  cluster: true,
  directory: true,
})

/**
 * Starts Masters and Workers, each a process of its own on free ports, and resolves when all are ready. They
 * end with this process, however it ends. Rejects with the error of `firesteel up`, such as CONFIG_CONFLICT.
 */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  checkOptions(options, { what: 'createTestCluster()', type: 'TestClusterOptions', names: optionNames })
  const {
    masters = 1,
    workers = 1,
    cores = 2,
    memory = '4g',
    workerTimeout,
    orphanGrace,
    tls,
    directory,
  } = options
  for (const [name, value, least] of [
    ['masters', masters, 1],
    ['workers', workers, 0],
    ['cores', cores, 1],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least) continue
    throw new FiresteelError('USAGE', `${name} is ${value}; it must be a whole number from ${least}.`)
  }
  const { redis, sentinel, election, lease, replicas, module } = options
  const isRedis = redis !== undefined || sentinel !== undefined
  const mode = options.recovery ?? (isRedis ? 'REDIS' : 'FILESYSTEM')
  // The secret distinguishes clusters. A folder that is used again keeps its name together with its state.
  const { cluster = mode === 'REDIS' ? `test-${randomBytes(4).toString('hex')}` : 'test' } = options
  const recovery = { mode, redis, sentinel, election, lease, replicas, module }
  const nodes = { masters, workers, cores, memory }
  return new TestCluster(
    await UpProcess.start({ cluster, ...nodes, recovery, workerTimeout, orphanGrace, tls, directory }),
  )
}
