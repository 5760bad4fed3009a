import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlackHoleEngine } from '../../runtime/persistence/black-hole.js'
import { FileSystemEngine } from '../../runtime/persistence/file-system/file-system-engine.js'
import { persistenceSuite, suiteSchemas } from '../conformance/persistence-suite.js'
import { MemoryDisk } from '../tools/persistence-memory-disk.js'

/** A release that knows a next format too. */
const formats = { min: 1, max: 2 }

function ticking(): () => number {
  let nowMs = 1_700_000_000_000
  return () => ++nowMs
}

persistenceSuite('NONE', {
  durable: false,
  async create() {
    // Nothing outlives its process, so all openings are the one engine.
    const engine = new BlackHoleEngine(ticking())
    return { open: () => engine, dispose: async () => {} }
  },
})

persistenceSuite('FILESYSTEM', {
  durable: true,
  async create() {
    const parent = await mkdtemp(join(tmpdir(), 'firesteel-persistence-'))
    const nowMs = ticking()
    const options = { directory: join(parent, 'state'), cluster: 'c', schemas: suiteSchemas, formats, nowMs }
    return {
      open: () => new FileSystemEngine({ ...options, onWarning: () => {} }),
      dispose: () => rm(parent, { recursive: true, force: true }),
    }
  },
})

persistenceSuite('FILESYSTEM, a snapshot after every few commits', {
  durable: true,
  async create() {
    const files = new MemoryDisk()
    const nowMs = ticking()
    const options = { files, directory: '/state', cluster: 'c', schemas: suiteSchemas, formats, nowMs }
    return {
      open: () => new FileSystemEngine({ ...options, journalBytes: 400, readPage: 7, onWarning: () => {} }),
      dispose: async () => {},
    }
  },
})
