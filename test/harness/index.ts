/* The package's entry `firesteel/testing`: a cluster of real processes inside a test. */

import { FiresteelError } from '../../runtime/errors.js'
import { TestCluster } from './test-cluster.js'
import { UpProcess } from './up-process.js'

export type { ClusterNode } from './node-book.js'
export type { CommandOutcome } from './run-command.js'
export type { StatusReport } from './status-report.js'
export type { CliOptions, NodeName, TestCluster, WaitAliveOptions } from './test-cluster.js'
export { type WaitOptions, waitUntil } from './wait-until.js'

export interface TestClusterOptions {
  /** Default 1. */
  readonly masters?: number
  /** Default 1. */
  readonly workers?: number
  /** Of each Worker; default 2. */
  readonly cores?: number
  /** Of each Worker, such as `4g`: what it has to give, not what it takes. Default 4g. */
  readonly memory?: string
  /** Where a killed Master finds its state again. Default FILESYSTEM. */
  readonly recovery?: 'FILESYSTEM' | 'NONE'
  /** Folder of the cluster, kept when it stops; default: a temporary one, deleted then. */
  readonly directory?: string
}

/**
 * Starts Masters and Workers, each a process of its own on free ports, and resolves when all are ready. They end with
 * this process, however it ends. Rejects with the error of `firesteel up`, such as CONFIG_CONFLICT.
 */
export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { masters = 1, workers = 1, cores = 2, memory = '4g', recovery = 'FILESYSTEM', directory } = options
  for (const [name, value, least] of [
    ['masters', masters, 1],
    ['workers', workers, 0],
    ['cores', cores, 1],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least) continue
    throw new FiresteelError('USAGE', `${name} is ${value}; it must be a whole number from ${least}.`)
  }
  // What tells one from another is its secret; a folder that is used again keeps its name with its state.
  const cluster = 'test'
  return new TestCluster(
    await UpProcess.start({ cluster, masters, workers, cores, memory, recovery, directory }),
  )
}
