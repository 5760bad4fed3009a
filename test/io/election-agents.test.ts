import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { singleMasterElection } from '../../actors/election/election-agent.js'
import { systemClock } from '../../runtime/clock.js'
import { BlackHoleEngine } from '../../runtime/persistence/black-hole.js'
import { FileSystemEngine } from '../../runtime/persistence/file-system/file-system-engine.js'
import { electionSuite } from '../conformance/election-suite.js'
import { suiteSchemas } from '../conformance/persistence-suite.js'

const leaseMs = 1000

async function temporary(): Promise<{ directory: string; dispose(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-election-'))
  return { directory, dispose: () => rm(directory, { recursive: true, force: true }) }
}

electionSuite('NONE', async () => {
  // One process, one store: what several candidates would be within it.
  const engine = new BlackHoleEngine(() => systemClock.wallMs())
  return {
    leaseMs,
    open: () => ({ engine, agent: singleMasterElection, close: async () => {} }),
    dispose: async () => {},
  }
})

electionSuite('FILESYSTEM', async () => {
  const { directory, dispose } = await temporary()
  return {
    leaseMs,
    open: () => {
      const engine = new FileSystemEngine({
        directory: join(directory, 'state'),
        cluster: 'c',
        schemas: suiteSchemas,
        nowMs: () => systemClock.wallMs(),
        onWarning: () => {},
      })
      return { engine, agent: singleMasterElection, close: () => engine.close() }
    },
    dispose,
  }
})
