import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CustomRecovery } from '../../actors/election/custom-recovery.js'
import { silentLog } from '../../runtime/observe/log.js'
import { checkOptions, namesOf } from '../harness/check-options.js'
import { electionSuite } from './election-suite.js'
import { persistenceSuite, suiteSchemas } from './persistence-suite.js'

export interface CustomRecoveryTestOptions {
  /**
   * Lease of the leaders, in milliseconds. Elections run in real time: a shorter one is quicker, and
   * stricter. Default 1000.
   */
  readonly leaseMs?: number
  /**
   * Ends what a test has left behind in the store of `cluster`, after each test. Not needed where all of it
   * lies in the folder that the module is given, or under the name of the cluster.
   */
  readonly dispose?: (cluster: string) => void | Promise<void>
}

const optionNames = namesOf<CustomRecoveryTestOptions>({ leaseMs: true, dispose: true })

let clusters = 0

/**
 * The tests that a module for recovery.mode CUSTOM must pass, registered with `node:test`: what a Master
 * relies on in its persistence engine and in its election. Each test has a cluster and a folder of its own;
 * each engine that it opens stands for the process of another Master.
 */
export function testCustomRecovery(
  name: string,
  recovery: CustomRecovery,
  options: CustomRecoveryTestOptions = {},
): void {
  const type = 'CustomRecoveryTestOptions'
  checkOptions(options, { what: 'testCustomRecovery()', type, names: optionNames })
  const { leaseMs = 1000, dispose } = options

  async function store() {
    const directory = await mkdtemp(join(tmpdir(), 'firesteel-recovery-'))
    const cluster = `test-${process.pid}-${++clusters}`
    const context = { cluster, directory, leaseMs, schemas: suiteSchemas, log: silentLog }
    return {
      open: async () => await recovery.createPersistenceEngine(context),
      async dispose() {
        await dispose?.(cluster)
        await rm(directory, { recursive: true, force: true })
      },
    }
  }

  persistenceSuite(name, { durable: true, shared: true, create: store })
  electionSuite(name, async () => {
    const { open, dispose } = await store()
    return {
      leaseMs,
      async open() {
        const engine = await open()
        return {
          engine,
          agent: (context) => recovery.createLeaderElectionAgent(context),
          close: () => engine.close(),
        }
      },
      dispose,
    }
  })
}
