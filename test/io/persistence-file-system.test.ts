import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import { encodeBlock } from '../../runtime/persistence/file-system/block.js'
import { type FileOps, nodeFileOps } from '../../runtime/persistence/file-system/file-ops.js'
import {
  FileSystemEngine,
  type FileSystemOptions,
} from '../../runtime/persistence/file-system/file-system-engine.js'
import {
  electRequest,
  putOf,
  readAll,
  SuiteLeader,
  suiteSchemas,
  takeOver,
} from '../conformance/persistence-suite.js'
import { scanBlocks } from '../fixtures/scan-blocks.js'
import { MemoryDisk } from '../tools/persistence-memory-disk.js'

let nowMs = 1_700_000_000_000

function openOn(files: FileOps, more: Partial<FileSystemOptions> = {}) {
  const warnings: string[] = []
  const engine = new FileSystemEngine({
    directory: '/state',
    cluster: 'c',
    schemas: suiteSchemas,
    nowMs: () => ++nowMs,
    onWarning: (place, reason) => warnings.push(`${place}: ${reason}`),
    files,
    ...more,
  })
  return { engine, warnings }
}

/** Epoch 1 with commits 1..count, each putting worker w<n>. */
async function written(disk: MemoryDisk, count: number): Promise<SuiteLeader> {
  const { engine } = openOn(disk)
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  for (let n = 1; n <= count; n += 1) await leader.write([putOf('worker', `w${n}`, { n })])
  return leader
}

async function idsOf(engine: PersistenceEngine, me: string): Promise<string[]> {
  return [...(await readAll(engine, await takeOver(engine, me), 'worker')).keys()].sort()
}

const journal = '/state/epoch-1/journal-1'
const snapshot = '/state/epoch-1/snapshot-1'

test('a last block torn at any byte is dropped without a warning; all before it is there', async () => {
  const disk = new MemoryDisk()
  await written(disk, 3)
  const whole = disk.peek(journal)
  const last = scanBlocks(whole).blocks.at(-1)!
  for (let bytes = last.offset; bytes <= whole.length; bytes += 1) {
    const copy = disk.afterCrash({ keepUnsynced: true })
    copy.poke(journal, whole.subarray(0, bytes))
    const { engine, warnings } = openOn(copy)
    const all = bytes === whole.length
    assert.deepEqual(await idsOf(engine, 'm2'), all ? ['w1', 'w2', 'w3'] : ['w1', 'w2'], `cut at ${bytes}`)
    assert.deepEqual(warnings, [])
    assert.deepEqual((await engine.leader())?.base, { epoch: 1, seq: all ? 3 : 2 })
  }
})

test('zeros at the end, as after a loss of power, are dropped', async () => {
  const disk = new MemoryDisk()
  await written(disk, 2)
  disk.poke(journal, Buffer.concat([disk.peek(journal), Buffer.alloc(300)]))
  const { engine, warnings } = openOn(disk)
  assert.deepEqual(await idsOf(engine, 'm2'), ['w1', 'w2'])
  assert.deepEqual(warnings, [])
})

test('a flipped byte anywhere in the journal costs one commit at most, and is set aside with a warning', async () => {
  const disk = new MemoryDisk()
  await written(disk, 4)
  const whole = disk.peek(journal)
  const { blocks } = scanBlocks(whole)
  for (let at = 0; at < whole.length; at += 1) {
    const copy = disk.afterCrash({ keepUnsynced: true })
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0x41
    copy.poke(journal, damaged)
    const hit = blocks.findLastIndex((block) => block.offset <= at)
    const expected = ['w1', 'w2', 'w3', 'w4'].filter((_, index) => index + 1 !== hit)
    const { engine, warnings } = openOn(copy)
    assert.deepEqual(await idsOf(engine, 'm2'), expected, `byte ${at}`)
    assert.equal(warnings.length, 1, `byte ${at}`)
    const aside = await engine.quarantined()
    assert.equal(aside.length, 1)
    assert.match(aside[0]!.place, /epoch-1\/journal-1 at \d+/)
    const line = JSON.parse(copy.peek('/state/quarantine/epoch-2.jsonl').toString())
    assert.deepEqual(
      Buffer.from(line.content, 'base64'),
      damaged.subarray(blocks[hit]!.offset, blocks[hit + 1]?.offset ?? whole.length),
    )
  }
})

test('a flipped byte anywhere in a snapshot costs one record at most', async () => {
  const disk = new MemoryDisk()
  await written(disk, 4)
  await idsOf(openOn(disk).engine, 'm2') // Epoch 2: its snapshot holds all four.
  const path = '/state/epoch-2/snapshot-1'
  const whole = disk.peek(path)
  const { blocks } = scanBlocks(whole)
  assert.equal(blocks.length, 6)
  for (let at = 0; at < whole.length; at += 1) {
    const copy = disk.afterCrash({ keepUnsynced: true })
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0x41
    copy.poke(path, damaged)
    const hit = blocks.findLastIndex((block) => block.offset <= at)
    const expected = ['w1', 'w2', 'w3', 'w4'].filter((_, index) => index + 1 !== hit)
    const { engine, warnings } = openOn(copy)
    assert.deepEqual(await idsOf(engine, 'm3'), expected, `byte ${at}`)
    assert.ok(warnings.length >= 1)
    assert.deepEqual((await engine.leader())?.base, { epoch: 2, seq: 4 })
  }
})

test('a flipped byte in the owner file or a lost one costs nothing', async () => {
  const disk = new MemoryDisk()
  await written(disk, 2)
  const whole = disk.peek('/state/epoch-1/owner')
  for (let at = 0; at < whole.length; at += 7) {
    const copy = disk.afterCrash({ keepUnsynced: true })
    const damaged = Buffer.from(whole)
    damaged[at]! ^= 0x41
    copy.poke('/state/epoch-1/owner', damaged)
    assert.deepEqual(await idsOf(openOn(copy).engine, 'm2'), ['w1', 'w2'], `byte ${at}`)
  }
  await disk.remove('/state/epoch-1/owner')
  assert.deepEqual(await idsOf(openOn(disk).engine, 'm2'), ['w1', 'w2'])
})

test('a corrupt record within a good block costs only itself', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 1)
  const broken = { table: 'worker', id: 'broken', json: '{"id":"broken"' } as const
  await leader.write([putOf('worker', 'w2'), broken, putOf('worker', 'w3')])
  const text = `{"kind":"commit","mark":"x"}\n+\tworker\t"w4"\t{"id":"w4"}\n+\tnonsense\n-\tworker\t"w1"`
  disk.poke(journal, Buffer.concat([disk.peek(journal), encodeBlock(3, Buffer.from(text))]))
  const { engine, warnings } = openOn(disk)
  assert.deepEqual(await idsOf(engine, 'm2'), ['w2', 'w3', 'w4'])
  assert.equal(warnings.length, 2)
  assert.equal((await engine.quarantined()).length, 2)
})

test('what is in quarantine stays over elections', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 1)
  await leader.write([{ table: 'app', id: 'a', json: '[]' }])
  await leader.write([{ table: 'app', id: 'b', json: '7' }])
  for (const me of ['m2', 'm3', 'm4']) await takeOver(openOn(disk).engine, me)
  assert.equal((await openOn(disk).engine.quarantined()).length, 2)
  assert.deepEqual(disk.names('/state').sort(), ['epoch-4', 'quarantine'])
})

test('another cluster, version, format or garbage: a coded error, and nothing is changed', async () => {
  const disk = new MemoryDisk()
  await written(disk, 2)
  const state = () =>
    ['owner', 'snapshot-1', 'journal-1'].map((name) => disk.peek(`/state/epoch-1/${name}`).toString('latin1'))
  const before = state()
  const other = openOn(disk, { cluster: 'other' }).engine
  const seen = { epoch: 1, owner: 'm1' }
  await assert.rejects(other.leader(), { code: 'FIRESTEEL_CLUSTER_MISMATCH' })
  await assert.rejects(other.elect(electRequest('x', seen)), { code: 'FIRESTEEL_CLUSTER_MISMATCH' })
  // Also when only the heads of the blocks can tell.
  const headless = disk.afterCrash({ keepUnsynced: true })
  await headless.remove('/state/epoch-1/owner')
  const stranger = openOn(headless, { cluster: 'other' }).engine
  await assert.rejects(stranger.elect(electRequest('x', { epoch: 1, owner: '' })), {
    code: 'FIRESTEEL_CLUSTER_MISMATCH',
  })
  const newer = disk.afterCrash({ keepUnsynced: true })
  await newer.remove('/state/epoch-1/owner')
  const head = { kind: 'head', format: 'firesteel-state', version: 2, cluster: 'c', epoch: 1, seq: 0 }
  const text = JSON.stringify({ ...head, mark: '', base: { epoch: 0, seq: 0 } })
  newer.poke(snapshot, encodeBlock(0, Buffer.from(text)))
  await assert.rejects(openOn(newer).engine.leader(), { code: 'FIRESTEEL_VERSION_UNSUPPORTED' })
  const garbage = disk.afterCrash({ keepUnsynced: true })
  garbage.poke(snapshot, Buffer.from('PK\u0003\u0004 some archive'))
  garbage.poke(journal, Buffer.from('and some text'))
  await assert.rejects(openOn(garbage).engine.leader(), { code: 'FIRESTEEL_STORE_UNREADABLE' })
  const election = openOn(garbage).engine.elect(electRequest('x', seen))
  await assert.rejects(election, { code: 'FIRESTEEL_STORE_UNREADABLE' })
  assert.equal(garbage.peek(journal).toString(), 'and some text')
  assert.deepEqual(garbage.names('/state'), ['epoch-1'])
  assert.deepEqual(state(), before)
  assert.deepEqual(disk.names('/state'), ['epoch-1'])
})

test('a full disk: the commit is refused and cut back, the same one goes through when there is room', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 1)
  const before = disk.peek(journal)
  const request = leader.next([putOf('worker', 'w2')])
  for (const code of ['ENOSPC', 'EDQUOT']) {
    disk.inject = (operation) => (operation === 'write' ? { code, half: true } : undefined)
    const refused = await leader.engine.commit(leader.fence, request)
    assert.equal(refused.kind === 'refused' && refused.code, 'STORE_FULL')
    assert.deepEqual(disk.peek(journal), before)
  }
  disk.inject = () => undefined
  assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'ok')
  assert.deepEqual(await idsOf(openOn(disk).engine, 'm2'), ['w1', 'w2'])
})

test('a full disk at an election: refused, and nothing of the try is left', async () => {
  const disk = new MemoryDisk()
  await written(disk, 2)
  const { engine } = openOn(disk)
  disk.inject = (operation, path) =>
    operation === 'write' && path.includes('snapshot') ? { code: 'ENOSPC', half: true } : undefined
  for (let round = 0; round < 3; round += 1) {
    const refused = await engine.elect(electRequest('m2', { epoch: 1, owner: 'm1' }))
    assert.equal(refused.kind === 'refused' && refused.code, 'STORE_FULL')
    assert.deepEqual(disk.names('/state'), ['epoch-1'])
  }
  disk.inject = () => undefined
  assert.deepEqual(await idsOf(engine, 'm2'), ['w1', 'w2'])
})

test('a failed fsync, or a cut-back that fails, ends the leadership: no second try', async () => {
  for (const failing of ['dataSync', 'truncate']) {
    const disk = new MemoryDisk()
    const leader = await written(disk, 1)
    const request = leader.next([putOf('worker', 'w2')])
    disk.inject = (operation) => {
      if (operation === 'write' && failing === 'truncate') return { code: 'ENOSPC', half: true }
      return operation === failing ? { code: 'EIO' } : undefined
    }
    assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'failed')
    disk.inject = () => undefined
    const operations = disk.operations
    assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'failed')
    assert.equal((await leader.engine.touch(leader.fence, 'lock')).kind, 'failed')
    assert.equal(disk.operations, operations)
    assert.ok((await idsOf(openOn(disk).engine, 'm2')).includes('w1'))
  }
})

test('durable, but the look for a higher folder fails: unknown; the same commit again is a duplicate', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 1)
  const request = leader.next([putOf('worker', 'w2')])
  disk.inject = (operation) => (operation === 'list' ? { code: 'EIO' } : undefined)
  assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'unknown')
  assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'unknown')
  assert.equal((await leader.engine.touch(leader.fence, 'lock')).kind, 'unknown')
  disk.inject = () => undefined
  assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'duplicate')
})

for (const [operation, path] of [
  ['write', journal],
  ['dataSync', journal],
  ['list', '/state'],
] as const) {
  test(`somebody takes over while a commit is held up before its ${operation}: nothing acknowledged is left behind`, async () => {
    const disk = new MemoryDisk()
    const leader = await written(disk, 1)
    const { engine } = openOn(disk)
    let read: string[] | undefined
    disk.gate = (found, at) => {
      if (found !== operation || at !== path) return undefined
      disk.gate = () => undefined
      return idsOf(engine, 'm2').then((ids) => {
        read = ids
      })
    }
    const outcome = await leader.engine.commit(leader.fence, leader.next([putOf('worker', 'w2')]))
    assert.deepEqual(outcome, { kind: 'deposed', epoch: 2, owner: 'm2' })
    assert.ok(read?.includes('w1'))
    assert.equal((await leader.engine.commit(leader.fence, leader.next([]))).kind, 'deposed')
  })
}

test('an epoch whose maker died before finishing it is passed over, and counts', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 2)
  await disk.makeFolder('/state/epoch-7')
  const deposed = await leader.engine.commit(leader.fence, leader.next([putOf('worker', 'w3')]))
  assert.deepEqual(deposed, { kind: 'deposed', epoch: 7, owner: '' })
  const { engine } = openOn(disk)
  const record = await engine.leader()
  assert.equal(record?.epoch, 7)
  assert.equal(record.owner, '')
  const elected = await takeOver(engine, 'm2')
  assert.equal(elected.epoch, 8)
  assert.deepEqual((await readAll(engine, elected, 'worker')).has('w2'), true)
  assert.deepEqual(disk.names('/state'), ['epoch-8'])
})

test('what the leader spoke is known when the maker of a newer epoch died before it named itself', async () => {
  const disk = new MemoryDisk()
  await takeOver(openOn(disk).engine, 'm1', { protocols: '2-3' })
  await disk.makeFolder('/state/epoch-7')
  const record = await openOn(disk).engine.leader()
  assert.deepEqual([record?.epoch, record?.protocols], [7, '2-3'])
  // One that named itself and no protocols is of the first builds: what is below it says nothing of it.
  await takeOver(openOn(disk).engine, 'm2')
  assert.equal((await openOn(disk).engine.leader())?.protocols, undefined)
})

test('a store that was moved away under its leader is rewound', async () => {
  const disk = new MemoryDisk()
  const leader = await written(disk, 2)
  await disk.remove('/state')
  const outcome = await leader.engine.commit(leader.fence, leader.next([putOf('worker', 'w3')]))
  assert.equal(outcome.kind, 'rewound')
})

test('a journal over its limit is replaced by a new snapshot in the same epoch; a few files stay', async () => {
  const disk = new MemoryDisk()
  const { engine, warnings } = openOn(disk, { journalBytes: 2000 })
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  for (let n = 1; n <= 300; n += 1) await leader.write([putOf('worker', `w${n % 10}`, { n })])
  await engine.close()
  const generations = disk.names('/state/epoch-1').filter((name) => name.startsWith('snapshot-'))
  assert.equal(generations.length, 1)
  assert.ok(Number(generations[0]!.slice(9)) > 5, generations[0])
  assert.equal(disk.names('/state/epoch-1').filter((name) => name.startsWith('journal-')).length, 1)
  assert.deepEqual(warnings, [])
  const next = openOn(disk).engine
  const elected = await takeOver(next, 'm2')
  assert.deepEqual(elected.base, { epoch: 1, seq: 300 })
  const found = await readAll(next, elected, 'worker')
  assert.deepEqual(found.get('w0'), { id: 'w0', n: 300 })
  assert.equal(found.size, 10)
})

test('a snapshot that finds no room is given up with a warning; commits go on and nothing is lost', async () => {
  const disk = new MemoryDisk()
  const { engine, warnings } = openOn(disk, { journalBytes: 1000 })
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  disk.inject = (operation, path) =>
    operation === 'write' && path.includes('snapshot') ? { code: 'ENOSPC', half: true } : undefined
  for (let n = 1; n <= 60; n += 1) await leader.write([putOf('worker', `w${n % 7}`, { n })])
  disk.inject = () => undefined
  assert.ok(warnings.length >= 1)
  const names = disk.names('/state/epoch-1')
  assert.ok(names.includes('snapshot-1') && names.includes('journal-1') && names.includes('journal-2'))
  const next = openOn(disk.afterCrash({ keepUnsynced: false })).engine
  const found = await readAll(next, await takeOver(next, 'm2'), 'worker')
  assert.deepEqual(found.get('w4'), { id: 'w4', n: 60 })
})

const formats = { min: 1, max: 2 }
/** The fourth commit raises the format of the store. */
const RAISED_AT = 4

/** Two lives of a Master over a small journal; gives the newest acknowledged value of every record. */
async function log(disk: MemoryDisk, acknowledged: Map<string, number>, maybe: Map<string, number[]>) {
  for (const me of ['m1', 'm2']) {
    const { engine } = openOn(disk, { journalBytes: 500, formats })
    const record = await engine.leader()
    const seen = record && { epoch: record.epoch, owner: record.owner }
    const elected = await engine.elect(electRequest(me, seen, { format: record?.format ?? 1 }))
    if (elected.kind !== 'elected') return
    const leader = new SuiteLeader(engine, elected)
    for (let step = 1; step <= 8; step += 1) {
      const id = `w${step % 3}`
      const raises = step === RAISED_AT && { format: 2 }
      const request = { ...leader.next([putOf('worker', id, { n: leader.n + 1 })]), ...raises }
      maybe.set(id, [...(maybe.get(id) ?? []), request.n])
      let outcome = await engine.commit(leader.fence, request)
      // What the commit queue does: not applied or unknown is sent again as it is.
      for (let again = 0; again < 3 && /refused|unknown/.test(outcome.kind); again += 1) {
        outcome = await engine.commit(leader.fence, request)
      }
      if (outcome.kind !== 'ok' && outcome.kind !== 'duplicate') return
      acknowledged.set(id, request.n)
      leader.n = request.n
      leader.writeId = request.writeId
    }
    await engine.touch(leader.fence, 'lock')
    await engine.close()
  }
}

async function checkStory(
  disk: MemoryDisk,
  acknowledged: Map<string, number>,
  maybe: Map<string, number[]>,
  what: string,
) {
  const { engine, warnings } = openOn(disk, { formats })
  const format = (await engine.leader())?.format ?? 1
  const found = await readAll(engine, await takeOver(engine, 'm9'), 'worker')
  assert.equal((await engine.leader())?.format, format, `${what}: an election keeps the format`)
  const newest = Math.max(0, ...acknowledged.values())
  if (newest >= RAISED_AT) assert.equal(format, 2, `${what}: an acknowledged raise is lost`)
  for (const [id, n] of acknowledged) {
    const value = (found.get(id) as { n?: number } | undefined)?.n ?? 0
    assert.ok(value >= n, `${what}: ${id} was acknowledged as ${n}, found ${value}`)
  }
  for (const [id, value] of found) {
    const { n } = value as { n: number }
    assert.ok(maybe.get(id)?.includes(n), `${what}: ${id} = ${n} was never written`)
  }
  assert.deepEqual(warnings, [], what)
  await engine.close()
}

/** Runs the same history once per operation of the disk, with a fault at that operation. */
async function everyOperation(
  what: string,
  degradation: (disk: MemoryDisk, at: number) => void,
  crash?: boolean,
) {
  const whole = new MemoryDisk()
  await log(whole, new Map(), new Map())
  const operations = whole.operations
  assert.ok(operations > 80, `${operations} operations`)
  for (let at = 1; at <= operations; at += 1) {
    const disk = new MemoryDisk()
    const acknowledged = new Map<string, number>()
    const maybe = new Map<string, number[]>()
    degradation(disk, at)
    await log(disk, acknowledged, maybe).catch((error: { code?: string }) => {
      assert.equal(error.code, 'FIRESTEEL_STORE_UNAVAILABLE')
    })
    disk.inject = () => undefined
    for (const keepUnsynced of crash === undefined ? [true, false] : [!crash]) {
      const left = disk.afterCrash({ keepUnsynced })
      await checkStory(left, acknowledged, maybe, `${what} at operation ${at}, kept ${keepUnsynced}`)
    }
  }
}

for (const code of ['EIO', 'ENOSPC']) {
  for (const half of [false, true]) {
    test(`one ${code} at each operation in turn${half ? ', writes half done' : ''}: nothing acknowledged is lost`, () =>
      everyOperation(code, (disk, at) => {
        disk.inject = (_operation, _path, count) => (count === at ? { code, half } : undefined)
      }))
  }
}

test('the process dies at each operation in turn, with and without loss of power', () =>
  everyOperation('death', (disk, at) => {
    disk.inject = (_operation, _path, count) => (count >= at ? { code: 'EIO', half: true } : undefined)
  }))

test('on a real disk: whatever moment somebody takes over at, all that was acknowledged is read', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'firesteel-persistence-'))
  try {
    const open = () => openOn(nodeFileOps, { directory: join(parent, 'a', 'b') }).engine
    const engines = [open()]
    let leader = new SuiteLeader(engines[0]!, await takeOver(engines[0]!, 'r0'))
    let deposed = 0
    for (let round = 1; round <= 25; round += 1) {
      const acknowledged: string[] = []
      const old = leader
      let taking: Promise<Map<string, unknown>> | undefined
      for (let n = 0; n < 3000; n += 1) {
        const request = old.next([putOf('worker', `w${round}-${n}`)])
        const committing = old.engine.commit(old.fence, request)
        if (n === 2) {
          const next = open()
          engines.push(next)
          taking = takeOver(next, `r${round}`).then((elected) => {
            leader = new SuiteLeader(next, elected)
            return readAll(next, elected, 'worker')
          })
        }
        const outcome = await committing
        if (outcome.kind !== 'ok') {
          assert.equal(outcome.kind, 'deposed')
          deposed += 1
          break
        }
        old.n = request.n
        old.writeId = request.writeId
        acknowledged.push(`w${round}-${n}`)
      }
      const found = await taking!
      for (const id of acknowledged) assert.ok(found.has(id), `${id} was acknowledged`)
    }
    assert.equal(deposed, 25)
    for (const engine of engines) await engine.close()
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
})
