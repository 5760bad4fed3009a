import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import { isFiresteelError } from '../../runtime/errors.js'
import { tables } from '../../runtime/persistence/engine.js'
import type { RedisConnection } from '../../runtime/redis/connection.js'
import { putOf, suiteSchemas } from '../conformance/persistence-suite.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { candidateCount } from '../simulation/store-candidate.js'
import { type StoreCommand, storeCommand } from '../simulation/store-commands.js'
import { StoreModel } from '../simulation/store-model.js'
import { StorePair } from '../simulation/store-pair.js'
import { Reached, same } from '../simulation/store-reached.js'
import { connect, RealStore } from '../simulation/store-real.js'
import { StoreRows } from '../simulation/store-rows.js'
import { readAll } from '../simulation/store-scan.js'

/*
 * The simulator's store is the real one: the same commands through RedisEngine and its scripts on a real
 * Redis, and through StoreModel.
 */

let server: RedisServer
let connections: RedisConnection[] = []
const ending: (() => Promise<unknown>)[] = []

before(async () => {
  // Small hashes are a list, which HSCAN gives in one piece; these become tables at five entries, so that
  // both occur.
  server = await startRedis({ appendfsync: 'no', extra: ['--hash-max-listpack-entries', '4'] })
  connections = await Promise.all(Array.from({ length: candidateCount }, () => connect(server.url)))
})
after(async () => {
  for (const connection of connections) await connection.close()
  await server.stop()
})
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

let clusters = 0

function pairOf(reached: Reached): StorePair {
  const cluster = `c${++clusters}`
  const options = { cluster, schemas: suiteSchemas, pageRecords: 2 }
  return new StorePair(new RealStore({ ...options, connections }), new StoreModel(options), reached)
}

async function compare(command: fc.Arbitrary<StoreCommand>, numRuns: number): Promise<Reached> {
  const reached = new Reached()
  const sequences = fc.array(command, { maxLength: 120, size: 'max' })
  await fc.assert(
    fc.asyncProperty(sequences, (commands) => pairOf(reached).run(commands)),
    // The difference beside the sequence that leads to it.
    { numRuns, includeErrorInReport: true },
  )
  return reached
}

test('the model answers as the scripts do, and holds what they hold', async () => {
  const reached = await compare(storeCommand(false), 400)
  assert.ok(reached.commands >= 12_000, `${reached.commands} commands`)
  const writes = (what: string) => [
    `${what} ok`,
    `${what} deposed by a higher epoch`,
    `${what} deposed in its own epoch`,
    `${what} rewound to a lower epoch`,
  ]
  reached.expect(5, [
    ...['elect elected', 'elect elected again', 'elect elected above what was heard'],
    ...['elect changed owner', 'elect changed epoch', 'elect changed both'],
    'elect changed format',
    ...writes('raise'),
    ...[...writes('commit'), 'commit rewound to another write id', 'commit duplicate', 'commit refused'],
    ...[
      'commit ok, empty',
      'commit ok, deletes alone',
      'commit ok, puts alone',
      'commit ok, puts and deletes',
    ],
    'commit rewound though its seq fits',
    ...[...writes('touch'), 'touch rewound to another write id', ...writes('touch without write id')],
    ...['leave', 'leave of another', 'fall'],
    ...['scan page', 'scan moved', 'scan over'],
    ...['read one page', 'read pages', 'read moved to another write id', 'read moved to another leader'],
  ])
})

test('unreadable records: the same ones are set aside', async () => {
  const reached = await compare(storeCommand(true), 100)
  reached.expect(5, ['something set aside', 'read pages', 'read moved to another leader', 'commit ok'])
})

test('a commit of more values than one unpack takes', async () => {
  const ids = Array.from({ length: 5000 }, (_, index) => `id-${index}`)
  const commit = {
    do: 'commit',
    by: 0,
    fence: 'own',
    which: 'next',
    pick: 0,
    lost: false,
    raises: false,
  } as const
  const worker = (some: readonly string[]) => some.map((id) => putOf('worker', id))
  const reached = new Reached()
  await pairOf(reached).run([
    { do: 'elect', by: 0, seen: 'now', received: 'nothing', earlier: undefined, mistakesFormat: false },
    { ...commit, puts: worker(ids), deletes: [] },
    {
      ...commit,
      puts: worker(ids.slice(0, 3)),
      deletes: ids.slice(2, 4000).map((id) => ({ table: 'worker', id })),
    },
    { do: 'readAll', by: 0, fence: 'own', writeId: 'none', table: 'worker' },
  ])
  assert.equal(reached.counts.get('commit ok'), 2)
  assert.equal(reached.counts.get('read pages'), 1)
})

/** Each asks once: RedisEngine looks for another server as soon as one says READONLY. */
test('a replica: what declares that it writes is refused before it looks, a commit of puts after its fence was compared', async () => {
  const own = await startRedis({ appendfsync: 'no' })
  ending.push(() => own.stop())
  const schemas = suiteSchemas
  const options = { cluster: 'c', schemas, pageRecords: 512 }
  const many = await Promise.all(Array.from({ length: 14 }, () => connect(own.url)))
  ending.push(() => Promise.all(many.map((connection) => connection.close())))
  const { engines, warnings } = new RealStore({ ...options, connections: many })
  const model = new StoreModel(options)

  const request = {
    seen: undefined,
    me: 'm0',
    address: 'a',
    lock: 'l',
    observedEpoch: 0,
    format: 1,
    writeId: 'e',
  }
  const fence = { epoch: 1, owner: 'm0' }
  const first = { n: 1, prev: 'e', writeId: 'c1', puts: [putOf('worker', 'w')], deletes: [] }
  const bad = {
    n: 2,
    prev: 'c1',
    writeId: 'c2',
    puts: [{ table: 'app', id: 'a', json: '5' }],
    deletes: [],
  } as const
  const nextEngine = () => engines[engines.length - ++used]!
  let used = 0
  same(model.elect(request, 1), await engines[0]!.elect(request), 'elect')
  for (const one of [first, bad])
    same(model.commit(fence, one, 1), await engines[0]!.commit(fence, one), 'commit')
  await own.cli('REPLICAOF', '127.0.0.1', '1')
  await waitUntil('a replica', async () => (await own.cli('ROLE')).startsWith('slave'))
  model.readOnly = true

  const commit = async (more: object, of = fence) => {
    const asked = { ...bad, prev: 'c2', writeId: 'c3', ...more }
    const real = await nextEngine().commit(of, asked)
    same(model.commit(of, asked, 2), real, JSON.stringify(more))
    return real.kind
  }
  assert.equal(await commit({}), 'refused')
  assert.equal(await commit({ writeId: 'c2' }), 'duplicate')
  assert.equal(await commit({ prev: 'x' }), 'rewound')
  assert.equal(await commit({}, { epoch: 1, owner: 'm9' }), 'deposed')
  assert.equal(await commit({ puts: [], deletes: [{ table: 'worker', id: 'w' }] }), 'refused')
  assert.equal(await commit({ puts: [], prev: 'x' }), 'refused')
  for (const of of [fence, { epoch: 1, owner: 'm9' }]) {
    same(model.touch(of, 'l', undefined, 2), await nextEngine().touch(of, 'l'), 'touch')
  }
  const taker = { ...request, seen: fence, me: 'm1' }
  same(model.elect(taker, 2), await nextEngine().elect(taker), 'elect')
  same(model.elect(request, 2), await nextEngine().elect(request), 'elect again')

  await nextEngine().leave(fence)
  assert.match(warnings.join(), /leave did not reach the store: READONLY/)
  model.leave(fence)
  const reader = nextEngine()
  const record = await reader.leader()
  assert.deepEqual({ ...model.leader(), touchedMs: 0 }, { ...record, touchedMs: 0 })
  assert.equal(record?.left, false)
  const readReal = (table: 'worker' | 'app') =>
    readAll((cursor) => reader.read(fence, undefined, table, cursor))
  const readModel = (table: 'worker' | 'app') =>
    readAll(async (cursor) => model.read(fence, undefined, table, cursor))
  const real = await readReal('worker')
  assert.deepEqual(await readModel('worker'), real)
  assert.equal(real.records.size, 1)
  // Cannot be set aside there.
  const unavailable = (error: unknown) => isFiresteelError(error, 'STORE_UNAVAILABLE')
  await assert.rejects(readReal('app'), unavailable)
  await assert.rejects(readModel('app'), unavailable)
})

test('what was saved stays, whatever is written then, here or in another model; scans miss nothing that stays', () => {
  const id = fc.nat({ max: 150 }).map((n) => `driver-20260101000000-1-${n}`)
  const action = fc.oneof(
    fc.record({ do: fc.constant('put' as const), id, json: fc.nat().map(String) }),
    fc.record({ do: fc.constant('delete' as const), id }),
    fc.record({ do: fc.constantFrom('save' as const, 'restore' as const), slot: fc.nat({ max: 9 }) }),
  )
  const scan = (rows: StoreRows, count: number) => {
    const found: string[] = []
    for (let from: number | undefined = 0; from !== undefined; ) {
      const { entries, next } = rows.page(from, count)
      assert.ok(entries.length >= count || next === undefined)
      found.push(...entries.map(([id]) => id))
      from = next
    }
    return found
  }
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 300, size: 'max' }),
      fc.integer({ min: 1, max: 50 }),
      (actions, count) => {
        let hold = {}
        let rows = StoreRows.empty()
        let plain = new Map<string, string>()
        const saved: [StoreRows, Map<string, string>][] = []
        for (const one of actions) {
          if (one.do === 'put') {
            rows = rows.put(hold, one.id, one.json)
            plain.set(one.id, one.json)
          } else if (one.do === 'delete') {
            rows = rows.delete(hold, one.id)
            plain.delete(one.id)
          } else {
            hold = {}
            if (one.do === 'save') saved[one.slot] = [rows, new Map(plain)]
            else if (saved[one.slot] !== undefined) {
              rows = saved[one.slot]![0]
              plain = new Map(saved[one.slot]![1])
            }
          }
        }
        for (const [kept, copy] of [...saved.filter(Boolean), [rows, plain] as const]) {
          assert.deepEqual(new Map(kept), copy)
          assert.deepEqual(scan(kept, count).sort(), [...copy.keys()].sort())
        }
      },
    ),
  )
})

test('one state in several models: each goes on along its own branch', () => {
  const fence = { epoch: 1, owner: 'm0' }
  const primary = new StoreModel()
  primary.elect(
    { seen: undefined, me: 'm0', address: 'a', lock: 'l', observedEpoch: 0, format: 1, writeId: 'e' },
    1,
  )
  const write = (model: StoreModel, prev: string, writeId: string) =>
    model.commit(
      fence,
      { n: 1, prev, writeId, puts: [putOf('driver', 'd', { mark: writeId })], deletes: [] },
      2,
    ).kind
  assert.equal(write(primary, 'e', 'trunk'), 'ok')
  const state = primary.save()
  assert.equal(write(primary, 'trunk', 'left'), 'ok')
  const replica = new StoreModel()
  replica.restore(state)
  assert.equal(replica.get('driver', 'd'), '{"id":"d","mark":"trunk"}')
  assert.equal(write(replica, 'trunk', 'right'), 'ok')
  assert.equal(write(primary, 'right', 'x'), 'rewound')
  assert.equal(primary.get('driver', 'd'), '{"id":"d","mark":"left"}')
  assert.equal(replica.get('driver', 'd'), '{"id":"d","mark":"right"}')
  primary.restore(state)
  for (const table of tables) {
    const left = table === 'driver' ? [['d', '{"id":"d","mark":"trunk"}']] : []
    assert.deepEqual([...primary.rows(table)], left)
  }
  assert.equal(primary.leader()?.writeId, 'trunk')
  assert.equal(write(primary, 'trunk', 'third'), 'ok')
})
