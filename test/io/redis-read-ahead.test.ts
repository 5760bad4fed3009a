import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import type {
  Delete,
  Fence,
  PersistenceEngine,
  Put,
  RecordSchemas,
  Table,
} from '../../runtime/persistence/engine.js'
import { electRequest, expectTexts, putOf } from '../conformance/persistence-suite.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { RedisOpener } from './redis-fixture.js'

/* A STANDBY reads ahead of a hand-over: protocol 13. */

let server: RedisServer
before(async () => {
  server = await startRedis()
})
const opener = new RedisOpener()
after(async () => {
  await opener.closeAll()
  await server.stop()
})

const among = ['worker', 'driver'] as const

/** A leader with some records, and a STANDBY that counts how often it checks one. */
async function twoMasters(cluster: string) {
  const checked: string[] = []
  const check = (value: unknown): string | undefined => {
    checked.push((value as { id: string }).id)
    return undefined
  }
  const records = { worker: check, app: check, driver: check, ended: check, key: check }
  const schemas: RecordSchemas = { ...records, drain: check, deployment: check, token: check }
  const leader = await opener.open({ cluster, redis: server.url })
  const standby = await opener.open({ cluster, redis: server.url, schemas })
  const elected = await leader.engine.elect(electRequest('m1'))
  assert.equal(elected.kind, 'elected')
  const fence = { epoch: 1, owner: 'm1' }
  let [n, prev] = [1, 'elect-m1']
  const commit = async (puts: readonly Put[], deletes: readonly Delete[] = []): Promise<void> => {
    const writeId = `w${n}`
    const outcome = await leader.engine.commit(fence, { n, prev, writeId, puts, deletes })
    assert.equal(outcome.kind, 'ok')
    ;[n, prev] = [n + 1, writeId]
  }
  const write = (...puts: Put[]): Promise<void> => commit(puts)
  await write(putOf('worker', 'w1'), ...Array.from({ length: 100 }, (_, i) => putOf('driver', `d${i}`)))
  const elect = async (): Promise<Fence> => {
    const outcome = await standby.engine.elect(electRequest('m2', fence))
    assert.equal(outcome.kind, 'elected')
    return { epoch: 2, owner: 'm2' }
  }
  const takeOver = async () => readAll(standby.engine, await elect(), among)
  const { engine } = standby
  return { fence, write, commit, checked, engine, elsewhere: leader.engine, elect, takeOver }
}

async function readAll(
  engine: PersistenceEngine,
  fence: Fence,
  tables: readonly Table[],
): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>()
  for (const table of tables)
    for (const records of await readPages(engine, fence, table, `elect-${fence.owner}`))
      for (const [id, value] of records) found.set(id, value)
  return found
}

async function readPages(engine: PersistenceEngine, fence: Fence, table: Table, writeId?: string) {
  const pages: (readonly (readonly [string, unknown])[])[] = []
  let cursor: string | undefined
  do {
    const page = await engine.read(fence, writeId, table, cursor)
    assert.equal(page.kind, 'page')
    if (page.kind !== 'page') break
    assert.equal(page.texts?.length, page.records.length)
    expectTexts(page)
    pages.push(page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return pages
}

test('a new leader checks only what has changed since it read ahead, and reads what is there now', async () => {
  const { fence, write, checked, engine, takeOver } = await twoMasters('ahead')
  await engine.readAhead!(fence, among)
  assert.equal(checked.length, 101)
  checked.length = 0
  await write(putOf('driver', 'd7', { state: 'RUNNING' }), putOf('driver', 'd100'))
  const found = await takeOver()
  assert.deepEqual(checked.sort(), ['d100', 'd7'])
  assert.equal(found.size, 102)
  assert.deepEqual(found.get('d7'), { id: 'd7', state: 'RUNNING' })
  assert.deepEqual(found.get('d8'), { id: 'd8' })
})

test('a new leader fetches only what has changed since it read ahead', async () => {
  const { fence, write, engine, takeOver } = await twoMasters('fetched')
  const text = 'x'.repeat(10_000)
  for (let from = 0; from < 700; from += 100)
    await write(...Array.from({ length: 100 }, (_, i) => putOf('driver', `large${from + i}`, { text })))
  await engine.readAhead!(fence, among)
  await write(putOf('driver', 'large7', { text: 'y' }), putOf('driver', 'later', { text }))
  const [sentBefore, scansBefore] = [await bytesSent(), await callsOf('hscan')]
  const found = await takeOver()
  assert.ok((await bytesSent()) - sentBefore < 1_000_000, 'all records are 7 MB')
  // Sums and seals of drivers in two pages each, because Redis handles what it does not send; the Worker.
  assert.ok((await callsOf('hscan')) - scansBefore >= 2 + 2 + 1)
  assert.equal(found.size, 802)
  assert.deepEqual(found.get('large7'), { id: 'large7', text: 'y' })
  assert.deepEqual(found.get('large699'), { id: 'large699', text })
  assert.deepEqual(found.get('later'), { id: 'later', text })
})

test('who has read ahead and finds everything changed fetches it in pages of stated size', async () => {
  const { fence, write, engine, takeOver } = await twoMasters('changed')
  const writeAll = async (state: string): Promise<void> => {
    for (let from = 0; from < 1200; from += 100)
      await write(...Array.from({ length: 100 }, (_, i) => putOf('driver', `more${from + i}`, { state })))
  }
  await writeAll('SUBMITTED')
  await engine.readAhead!(fence, among)
  await writeAll('RUNNING')
  const before = await callsOf('hmget')
  const found = await takeOver()
  assert.equal(found.size, 1301)
  for (let i = 0; i < 1200; i++) assert.deepEqual(found.get(`more${i}`), { id: `more${i}`, state: 'RUNNING' })
  // One HMGET compares the fence at the election, at each of two scans and at each fetch, which is another.
  assert.ok((await callsOf('hmget')) - before >= 1 + 2 + 3 * 2, 'three fetches of 512 at most')
})

async function callsOf(command: string): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1])
}

async function bytesSent(): Promise<number> {
  const [, bytes] = /total_net_output_bytes:(\d+)/.exec(await server.cli('INFO', 'stats')) ?? []
  return Number(bytes)
}

test('what is as it was read ahead is not named one by one, and comes in pages of stated size', async () => {
  const { fence, write, engine, elect } = await twoMasters('groups')
  const records = 2 * limits.readSeals
  for (let from = 0; from < records; from += 256)
    await write(...Array.from({ length: 256 }, (_, i) => putOf('driver', `driver-2026-${from + i}`)))
  await engine.readAhead!(fence, among)
  const next = await elect()
  const sentBefore = await bytesSent()
  const pages = await readPages(engine, next, 'driver', 'elect-m2')
  assert.ok((await bytesSent()) - sentBefore < 10 * records, 'a seal alone has 43 characters')
  assert.deepEqual(
    pages.map((page) => page.length),
    [limits.readSeals, limits.readSeals, 100, 0],
  )
})

const ids = fc.oneof(
  fc.nat(40).map((n) => `driver-${n}`),
  fc.constantFrom('d', 'é', 'è', 'driver-1é', 'driver-1è', 'driver-'),
)
/** Without a text the record is deleted. */
const changes = fc.array(
  fc.record({ id: ids, text: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }) }),
  { maxLength: 30 },
)
type Change = { readonly id: string; readonly text: string | undefined }

test('property: whatever was written and deleted meanwhile, a new leader reads what is there now', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(changes, changes, changes, async (before, during, after) => {
      const { fence, engine, elect, commit } = await twoMasters(`property-${run++}`)
      const stored = new Map<string, object>()
      for (let n = 0; n < 100; n++) stored.set(`d${n}`, { id: `d${n}` })
      const apply = async (all: readonly Change[]): Promise<void> => {
        for (const { id, text } of all) {
          if (text !== undefined) await commit([putOf('driver', id, { text })])
          else await commit([], [{ table: 'driver', id }])
          if (text !== undefined) stored.set(id, { id, text })
          else stored.delete(id)
        }
      }
      await apply(before)
      await Promise.all([engine.readAhead!(fence, among), apply(during)])
      await apply(after)
      const found = (await readPages(engine, await elect(), 'driver', 'elect-m2')).flat()
      assert.deepEqual(new Map(found), stored)
      assert.equal(found.length, stored.size, 'nothing comes twice')
    }),
    { numRuns: 60 },
  )
})

test('more changed groups than can be named are all compared one by one', async () => {
  const { fence, write, engine, elect } = await twoMasters('all-changed')
  const records = limits.readSeals + 300
  const writeAll = async (state: string): Promise<void> => {
    for (let from = 0; from < records; from += 294)
      await write(
        ...Array.from({ length: Math.min(294, records - from) }, (_, i) =>
          putOf('driver', `${from + i}-x`, { state }),
        ),
      )
  }
  await writeAll('SUBMITTED')
  await engine.readAhead!(fence, among)
  await writeAll('RUNNING')
  const found = (await readPages(engine, await elect(), 'driver', 'elect-m2')).flat()
  assert.equal(found.length, records + 100)
  for (const [id, value] of found) if (id.endsWith('-x')) assert.deepEqual(value, { id, state: 'RUNNING' })
})

test('what was changed without the secret is not taken for what was read ahead', async () => {
  const { fence, engine, takeOver } = await twoMasters('forged')
  await engine.readAhead!(fence, among)
  const key = (await server.cli('KEYS', '{firesteel:forged}:driver*')).trim()
  const stored = await server.cli('HGET', key, 'd8')
  await server.cli('HSET', key, 'd7', stored)
  await server.cli('HSET', key, 'd9', stored.replace('{', '{"state":"RUNNING",'))
  const [d20, d21] = [await server.cli('HGET', key, 'd20'), await server.cli('HGET', key, 'd21')]
  await server.cli('HSET', key, 'd20', d21, 'd21', d20)
  const d5 = await server.cli('HGET', key, 'd5')
  await server.cli('HSET', key, 'd5', d5.replace('{', '{"state":"RUNNING",'))
  const found = await takeOver()
  assert.deepEqual(found.get('d5'), { id: 'd5' }, 'what was sealed, not what lies under the seal')
  for (const id of ['d7', 'd9', 'd20', 'd21']) assert.equal(found.has(id), false, id)
  assert.equal(found.size, 97)
  assert.equal((await engine.quarantined()).length, 4)
})

test('who asks on after the store has moved is told so again, and not that this was all', async () => {
  const { fence, write, engine, elect, elsewhere } = await twoMasters('moved')
  await engine.readAhead!(fence, among)
  await write(putOf('driver', 'd7', { state: 'RUNNING' }))
  const next = await elect()
  const first = await engine.read(next, 'elect-m2', 'driver', undefined)
  assert.ok(first.kind === 'page' && first.cursor !== undefined)
  const third = await elsewhere.elect(electRequest('m3', next))
  assert.equal(third.kind, 'elected')
  for (let again = 0; again < 2; again++)
    assert.equal((await engine.read(next, 'elect-m2', 'driver', first.cursor)).kind, 'moved')
})

test('who reads ahead of a leader that has changed reads nothing, and no harm is done', async () => {
  const { engine, takeOver, checked } = await twoMasters('late')
  await engine.readAhead!({ epoch: 7, owner: 'm9' }, among)
  assert.deepEqual(checked, [])
  assert.equal((await takeOver()).size, 101)
})
