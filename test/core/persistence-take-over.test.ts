import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeaderRecord } from '../../runtime/persistence/engine.js'
import { FileSystemEngine } from '../../runtime/persistence/file-system/file-system-engine.js'
import { type ProcessIdentity, procTable } from '../../runtime/persistence/file-system/process-identity.js'
import { Staleness } from '../../runtime/persistence/staleness.js'
import { suiteSchemas, takeOver } from '../conformance/persistence-suite.js'
import { MemoryDisk } from '../tools/persistence-memory-disk.js'

const record: LeaderRecord = {
  epoch: 1,
  owner: 'm1',
  address: '',
  lock: '',
  position: { epoch: 1, seq: 0 },
  writeId: '',
  base: { epoch: 0, seq: 0 },
  touchedMs: 5000,
  left: false,
  ownerGone: false,
}

test('no leader, one that left, one whose process is gone: at once', () => {
  const staleness = new Staleness(2500)
  assert.equal(staleness.waitMs(undefined, 0), 0)
  assert.equal(staleness.waitMs({ ...record, left: true }, 0), 0)
  assert.equal(staleness.waitMs({ ...record, ownerGone: true }, 0), 0)
})

test('else one lease of staleness by the own clock; each sign of life and each new owner begins it anew', () => {
  const staleness = new Staleness(2500)
  assert.equal(staleness.waitMs(record, 100), 2500)
  assert.equal(staleness.waitMs(record, 2000), 600)
  assert.equal(staleness.waitMs({ ...record, touchedMs: 4000 }, 2500), 2500, 'also a clock set back is life')
  assert.equal(staleness.waitMs({ ...record, touchedMs: 4000 }, 4999), 1)
  assert.equal(staleness.waitMs({ ...record, owner: 'm2', touchedMs: 4000 }, 4999), 2500)
  assert.equal(staleness.waitMs({ ...record, owner: 'm2', touchedMs: 4000 }, 7499), 0)
})

test('the engine tells whether the process of the owner is gone, and shows touches as life', async () => {
  const files = new MemoryDisk()
  const gone = new Set<number>()
  let nowMs = 1000
  const open = (pid: number) =>
    new FileSystemEngine({
      directory: '/state',
      cluster: 'c',
      schemas: suiteSchemas,
      nowMs: () => nowMs,
      onWarning: () => {},
      files,
      processes: {
        self: () => ({ pid, boot: 'b', startTime: '1' }),
        isGone: (owner) => gone.has(owner.pid),
      },
    })
  const engine = open(11)
  const fence = await takeOver(engine, 'm1')
  const watcher = open(12)
  assert.equal((await watcher.leader())?.ownerGone, false)
  assert.equal((await watcher.leader())?.touchedMs, 1000)
  nowMs = 1800
  await engine.touch(fence, 'lock')
  assert.equal((await watcher.leader())?.touchedMs, 1800)
  gone.add(11)
  assert.equal((await watcher.leader())?.ownerGone, true)
})

test('of processes: only the same boot and another start time, or none at all, prove death', () => {
  const self = procTable.self()
  assert.equal(procTable.isGone(self), false)
  const proved = self.boot !== undefined // Where the system has no /proc, nothing is ever proved.
  assert.equal(proved, process.platform === 'linux')
  const gone = (identity: Partial<ProcessIdentity>) => procTable.isGone({ ...self, ...identity })
  assert.equal(gone({ startTime: '1' }), proved)
  assert.equal(gone({ pid: 2 ** 30 }), proved)
  assert.equal(gone({ pid: 2 ** 30, boot: 'another' }), false)
  assert.equal(gone({ pid: 2 ** 30, startTime: undefined }), false)
})
