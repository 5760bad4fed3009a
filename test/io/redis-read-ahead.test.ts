import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Fence, PersistenceEngine, Put, RecordSchemas, Table } from '../../runtime/persistence/engine.js'
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
  const write = async (...puts: Put[]): Promise<void> => {
    const writeId = `w${n}`
    const outcome = await leader.engine.commit(fence, { n, prev, writeId, puts, deletes: [] })
    assert.equal(outcome.kind, 'ok')
    ;[n, prev] = [n + 1, writeId]
  }
  await write(putOf('worker', 'w1'), ...Array.from({ length: 100 }, (_, i) => putOf('driver', `d${i}`)))
  const takeOver = async (): Promise<Map<string, unknown>> => {
    const outcome = await standby.engine.elect(electRequest('m2', fence))
    assert.equal(outcome.kind, 'elected')
    return readAll(standby.engine, { epoch: 2, owner: 'm2' }, among)
  }
  const pages = async (): Promise<number> => (await readPages(standby.engine, fence, 'driver')).length
  const { engine } = standby
  return { fence, write, checked, engine, takeOver, pages }
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
  const sentBefore = await bytesSent()
  const found = await takeOver()
  assert.ok((await bytesSent()) - sentBefore < 1_000_000, 'all records are 7 MB')
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

test('who has read ahead begins with pages of full size, because it knows how large the records are', async () => {
  const { fence, write, engine, pages } = await twoMasters('pages')
  await write(...Array.from({ length: 300 }, (_, i) => putOf('driver', `more${i}`)))
  assert.equal(await pages(), 2)
  await engine.readAhead!(fence, among)
  assert.equal(await pages(), 1)
  await write(
    ...Array.from({ length: 20 }, (_, i) => putOf('driver', `large${i}`, { text: 'x'.repeat(100_000) })),
  )
  await engine.readAhead!(fence, among)
  assert.ok((await pages()) > 1, 'the large ones take more than a MiB')
})

test('what was changed without the secret is not taken for what was read ahead', async () => {
  const { fence, engine, takeOver } = await twoMasters('forged')
  await engine.readAhead!(fence, among)
  const key = (await server.cli('KEYS', '{firesteel:forged}:driver*')).trim()
  const stored = await server.cli('HGET', key, 'd8')
  await server.cli('HSET', key, 'd7', stored)
  await server.cli('HSET', key, 'd9', stored.replace('{', '{"state":"RUNNING",'))
  const found = await takeOver()
  assert.equal(found.has('d7'), false)
  assert.equal(found.has('d9'), false)
  assert.equal(found.size, 99)
  assert.equal((await engine.quarantined()).length, 2)
})

test('who reads ahead of a leader that has changed reads nothing, and no harm is done', async () => {
  const { engine, takeOver, checked } = await twoMasters('late')
  await engine.readAhead!({ epoch: 7, owner: 'm9' }, among)
  assert.deepEqual(checked, [])
  assert.equal((await takeOver()).size, 101)
})
