import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, type TestContext, test } from 'node:test'
import { tables } from '../../runtime/persistence/engine.js'
import { RecordSeal } from '../../runtime/persistence/redis/record-seal.js'
import {
  blockWith,
  type FileBlock,
  type FileLine,
  type OpenFileStore,
  openFileStore,
  readFiles,
  withNextVersion,
  writeFiles,
} from '../fixtures/file-store.js'
import { waitingDriver } from '../fixtures/record-samples.js'
import {
  dump,
  LEADER_KEY,
  load,
  openRedisStore,
  RECORDED_SECRET,
  type RedisLine,
} from '../fixtures/redis-store.js'
import { currentRelease, readLines, readRelease } from '../fixtures/releases.js'
import { elect, type OpenStore, RECORDED_CLUSTER, readTable } from '../fixtures/store-history.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'

/* What a release of the future has stored: refused, or set aside record by record, and never damaged. */

const { redisFormat, fileVersion } = readRelease(currentRelease)
const DRIVERS = LEADER_KEY.replace('leader', 'driver')
const QUARANTINE = LEADER_KEY.replace('leader', 'quarantine')
/** A driver with a key that this build does not know. */
const futureDriver = JSON.stringify({ ...waitingDriver, id: 'driver-9-0001', priority: 7 })

const unsupported = (text: RegExp) => (error: Error & { code?: string; help?: string; place?: string }) => {
  assert.equal(error.code, 'FIRESTEEL_VERSION_UNSUPPORTED')
  assert.match(error.message, text)
  assert.ok((error.help ?? '').length > 0, 'it says what to do')
  assert.ok((error.place ?? '').length > 0, 'it says where')
  return true
}

const candidate = {
  seen: { epoch: 2, owner: 'm2-fedcba9876543210' },
  me: 'm3-8899aabbccddeeff',
  address: 'firesteel://127.0.0.1:7072',
  lock: '',
  observedEpoch: 0,
  format: 1,
  writeId: 'elected-3',
}

let redis: RedisServer
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(async () => {
  await redis.cli('FLUSHALL')
  await load(redis, readLines<RedisLine>(currentRelease, 'redis.jsonl'))
})

async function openRedisIn(t: TestContext): Promise<OpenStore> {
  const store = await openRedisStore(redis)
  t.after(() => store.close())
  return store
}

for (const [title, fields] of [
  ['alone', []],
  ['with fields that this build cannot read', ['epoch', 'two of them']],
] as const) {
  test(`REDIS: a format above ours, ${title}, is refused by name, and all stays as it was`, async (t) => {
    await redis.cli('HSET', LEADER_KEY, 'format', String(redisFormat + 1), ...fields)
    const keys = await dump(redis)
    const { engine } = await openRedisIn(t)
    const sentence = new RegExp(`has format ${redisFormat + 1}; this Firesteel knows ${redisFormat}\\.`)
    await assert.rejects(engine.leader(), unsupported(sentence))
    // One that had looked before the format was raised: the script compares again, and it looks again.
    const election = engine.elect(candidate)
    if (fields.length === 0) assert.equal((await election).kind, 'changed')
    else await assert.rejects(election, { code: 'FIRESTEEL_STORE_UNREADABLE' })
    assert.deepEqual(await dump(redis), keys)
  })
}

test('REDIS: an unknown field of a record is kept, an unknown key and field of the leader record are left alone', async (t) => {
  const foreignKey = LEADER_KEY.replace('leader', 'archive')
  const seal = new RecordSeal(RECORDED_SECRET, RECORDED_CLUSTER)
  const sealed = seal.seal('driver', 'driver-9-0001', futureDriver)
  await redis.cli('HSET', DRIVERS, 'driver-9-0001', sealed)
  await redis.cli('HSET', foreignKey, 'a', '1')
  await redis.cli('HSET', LEADER_KEY, 'region', 'north')
  const { engine } = await openRedisIn(t)
  const elected = await elect(engine, candidate.me, candidate.writeId)
  const drivers = await readTable(engine, elected, 'driver')
  assert.deepEqual(
    drivers.map(([id]) => id),
    ['driver-1-0001', 'driver-1-0002', 'driver-9-0001'],
  )
  assert.deepEqual(drivers[2]?.[1], JSON.parse(futureDriver))
  assert.equal(await redis.cli('HGET', DRIVERS, 'driver-9-0001'), sealed)
  assert.equal((await redis.cli('HKEYS', QUARANTINE)).includes('driver-9-0001'), false)
  assert.equal(await redis.cli('HGET', foreignKey, 'a'), '1')
  assert.equal(await redis.cli('HGET', LEADER_KEY, 'region'), 'north')
})

async function filesIn(t: TestContext, change: (line: FileLine) => FileLine): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-skew-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  await writeFiles(directory, readLines<FileLine>(currentRelease, 'file-system.jsonl').map(change))
  return directory
}

function openFilesIn(t: TestContext, directory: string): OpenFileStore {
  const store = openFileStore(directory)
  t.after(() => store.close())
  return store
}

for (const [title, isRaised] of [
  ['everywhere', () => true],
  ['in the owner file', ({ path }) => path.endsWith('/owner')],
  ['in the snapshot', ({ path }) => path.includes('snapshot')],
] satisfies [string, (line: FileLine) => boolean][]) {
  test(`FILESYSTEM: a version above ours ${title} is refused by name, and all stays as it was`, async (t) => {
    const directory = await filesIn(t, (line) => (isRaised(line) ? withNextVersion(line) : line))
    const files = await readFiles(directory)
    const { engine, warnings } = openFilesIn(t, directory)
    const sentence = new RegExp(`has format ${fileVersion + 1}; this Firesteel knows ${fileVersion}\\.`)
    await assert.rejects(engine.leader(), unsupported(sentence))
    await assert.rejects(engine.elect(candidate), unsupported(sentence))
    assert.deepEqual(await readFiles(directory), files)
    assert.deepEqual(warnings, [])
  })
}

/** A commit as a later release might write it, at the end of the journal. */
function withCommit(lines: readonly string[]): (line: FileLine) => FileLine {
  return (line) => {
    if (!('blocks' in line) || !line.path.includes('journal')) return line
    const last = line.blocks.at(-1) as FileBlock
    const payload = ['{"kind":"commit","mark":"commit-4"}', ...lines].join('\n')
    return { ...line, blocks: [...line.blocks, blockWith(last, payload)] }
  }
}

test('FILESYSTEM: an unknown field of a record is kept, an entry of an unknown table is set aside whole', async (t) => {
  const known = `+\tdriver\t"driver-9-0001"\t${futureDriver}`
  const unknown = '+\tpool\t"pool-1"\t{"id":"pool-1"}'
  const directory = await filesIn(t, withCommit([known, unknown]))
  const { engine, warnings } = openFilesIn(t, directory)
  const elected = await elect(engine, candidate.me, candidate.writeId)
  const drivers = await readTable(engine, elected, 'driver')
  assert.deepEqual(
    drivers.map(([id]) => id),
    ['driver-1-0001', 'driver-1-0002', 'driver-9-0001'],
  )
  assert.deepEqual(drivers[2]?.[1], JSON.parse(futureDriver))
  for (const table of tables) await readTable(engine, elected, table)
  const written = (await readFiles(directory)).find(({ path }) => path === 'quarantine/epoch-3.jsonl')
  assert.ok(written && 'text' in written)
  const entries = written.text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { reason: string; content: string })
  assert.deepEqual(
    entries.map(({ reason, content }) => [reason, content]),
    [['the entry is not understood', unknown]],
  )
  assert.equal(warnings.length, 1)
})
