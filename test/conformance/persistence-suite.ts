import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type {
  CommitOutcome,
  Elected,
  ElectRequest,
  Fence,
  Page,
  PersistenceEngine,
  Put,
  RecordSchemas,
  Table,
} from '../../runtime/persistence/engine.js'

/** One store, opened as often as a test likes: each engine stands for a process of its own. */
export interface StoreUnderTest {
  open(): PersistenceEngine | Promise<PersistenceEngine>
  dispose(): Promise<void>
}

export interface StoreFactory {
  /** Whether records are there again for the next leader. */
  readonly durable: boolean
  /** Serves several Masters, so that it remembers past elections for them. */
  readonly shared?: boolean
  create(): Promise<StoreUnderTest>
}

/** What the suite calls a record: an object with a string `id`. Give it to the engine under test. */
export const suiteSchemas: RecordSchemas = (() => {
  const check = (value: unknown) =>
    typeof (value as { id?: unknown }).id === 'string' ? undefined : 'a record without an id'
  const records = { worker: check, app: check, driver: check, ended: check, key: check }
  return { ...records, drain: check, deployment: check, token: check }
})()

export function putOf(table: Table, id: string, fields: object = {}): Put {
  return { table, id, json: JSON.stringify({ id, ...fields }) }
}

export function electRequest(me: string, seen?: Fence, more: Partial<ElectRequest> = {}): ElectRequest {
  const address = `firesteel://${me}:7070`
  const fixed = { observedEpoch: 0, format: 1, writeId: `elect-${me}` }
  return { seen, me, address, lock: `lock-${me}`, ...fixed, ...more }
}

/** Elects `me` after whoever is there. */
export async function takeOver(
  engine: PersistenceEngine,
  me: string,
  more: Partial<ElectRequest> = {},
): Promise<Elected> {
  const record = await engine.leader()
  const seen = record === undefined ? undefined : { epoch: record.epoch, owner: record.owner }
  const { format = 1 } = record ?? {}
  const outcome = await engine.elect(electRequest(me, seen, { format, ...more }))
  assert.equal(outcome.kind, 'elected', JSON.stringify(outcome))
  return outcome as Elected
}

/** A leader that chains its own write ids, as the commit queue does. */
export class SuiteLeader {
  readonly engine: PersistenceEngine
  readonly fence: Fence
  n: number
  writeId: string

  constructor(engine: PersistenceEngine, elected: Elected) {
    this.engine = engine
    this.fence = { epoch: elected.epoch, owner: elected.owner }
    this.n = elected.base.seq
    this.writeId = elected.writeId
  }

  next(puts: readonly Put[], deletes: readonly { table: Table; id: string }[] = []) {
    const n = this.n + 1
    return { n, prev: this.writeId, writeId: `${this.fence.owner}-${this.fence.epoch}-${n}`, puts, deletes }
  }

  /** Commits and expects OK. */
  async write(puts: readonly Put[], deletes: readonly { table: Table; id: string }[] = []): Promise<void> {
    const request = this.next(puts, deletes)
    const outcome = await this.engine.commit(this.fence, request)
    assert.deepEqual(outcome, { kind: 'ok', position: { epoch: this.fence.epoch, seq: request.n } })
    this.n = request.n
    this.writeId = request.writeId
  }
}

/** All records of a table, page by page. */
export async function readAll(
  engine: PersistenceEngine,
  { epoch, owner, writeId }: Elected,
  table: Table,
): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>()
  let cursor: string | undefined
  do {
    const page = await engine.read({ epoch, owner }, writeId, table, cursor)
    assert.equal(page.kind, 'page')
    if (page.kind !== 'page') break
    for (const [id, value] of page.records) {
      assert.ok(!found.has(id), `${id} came twice`)
      found.set(id, value)
    }
    expectTexts(page)
    cursor = page.cursor
  } while (cursor !== undefined)
  return found
}

/** The texts of a page, if it has some, say what its records are. */
export function expectTexts({ records, texts }: Extract<Page, { kind: 'page' }>): void {
  if (texts === undefined) return
  assert.deepEqual(
    texts.map((text) => JSON.parse(text)),
    records.map(([, value]) => value),
  )
}

function kinds(outcomes: readonly { kind: string }[]): string[] {
  return outcomes.map((outcome) => outcome.kind).sort()
}

/** The law of protocol 2 to 4 for one engine. */
export function persistenceSuite(name: string, { durable, shared = false, create }: StoreFactory): void {
  describe(`persistence: ${name}`, () => {
    let store: StoreUnderTest
    let engine: PersistenceEngine
    const opened: PersistenceEngine[] = []
    const open = async () => {
      const next = await store.open()
      opened.push(next)
      return next
    }
    const kept = (records: Record<string, unknown>) => new Map(Object.entries(durable ? records : {}))

    beforeEach(async () => {
      store = await create()
      engine = await open()
    })
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close()
      await store.dispose()
    })

    test('an empty store has no leader; the first one gets epoch 1 and stands at its base', async () => {
      assert.equal(await engine.leader(), undefined)
      const outcome = await engine.elect(electRequest('m1'))
      const base = { epoch: 0, seq: 0 }
      assert.deepEqual(outcome, { kind: 'elected', epoch: 1, owner: 'm1', base, writeId: 'elect-m1' })
      const record = await engine.leader()
      assert.equal(record?.epoch, 1)
      assert.equal(record.owner, 'm1')
      assert.equal(record.address, 'firesteel://m1:7070')
      assert.equal(record.left, false)
      assert.equal(record.writeId, 'elect-m1')
      assert.deepEqual(record.position, { epoch: 1, seq: 0 })
      assert.deepEqual(record.base, base)
    })

    test('what the candidate speaks is in the record, until the next elect', async () => {
      await engine.elect(electRequest('m1', undefined, { protocols: '1-3' }))
      assert.equal((await engine.leader())?.protocols, '1-3')
      await engine.elect(electRequest('m2', { epoch: 1, owner: 'm1' }, { protocols: '2-4' }))
      assert.equal((await engine.leader())?.protocols, '2-4')
    })

    test('the format that elect names is in the record, until a commit raises it; a repetition is a duplicate', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      assert.equal((await engine.leader())?.format, 1)
      await leader.write([putOf('worker', 'w1')])
      const raise = { ...leader.next([]), format: 2 }
      assert.equal((await engine.commit(leader.fence, raise)).kind, 'ok')
      assert.equal((await engine.leader())?.format, 2)
      assert.equal((await engine.commit(leader.fence, raise)).kind, 'duplicate')
      leader.n = raise.n
      leader.writeId = raise.writeId
      await leader.write([putOf('worker', 'w2')])
      assert.equal((await engine.leader())?.format, 2, 'a later commit keeps it')
      const next = await open()
      const elected = await takeOver(next, 'm2')
      assert.equal((await next.leader())?.format, 2, 'an election keeps it')
      assert.deepEqual(
        [...(await readAll(next, elected, 'worker')).keys()],
        [...kept({ w1: 1, w2: 1 }).keys()],
      )
    })

    test('a deposed leader raises no format', async () => {
      const old = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const other = await open()
      await takeOver(other, 'm2')
      const raise = { ...old.next([putOf('worker', 'w1')]), format: 2 }
      assert.deepEqual(await engine.commit(old.fence, raise), { kind: 'deposed', epoch: 2, owner: 'm2' })
      assert.equal((await other.leader())?.format, 1)
    })

    test('who looked before the format was raised is not elected with the old one', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const other = await open()
      const record = await other.leader()
      assert.equal(record?.format, 1)
      assert.equal((await engine.commit(leader.fence, { ...leader.next([]), format: 2 })).kind, 'ok')
      const seen = { epoch: 1, owner: 'm1' }
      const changed = { kind: 'changed', epoch: 1, owner: 'm1' }
      assert.deepEqual(await other.elect(electRequest('m2', seen, { format: 1 })), changed)
      const still = await engine.touch(leader.fence, 'lock')
      assert.equal(still.kind, 'ok', 'it deposed nobody')
      assert.equal((await other.elect(electRequest('m2', seen, { format: 2 }))).kind, 'elected')
    })

    if (shared) {
      test('the elections before that elect was told of are in the record, until the next elect', async () => {
        const earlier = [
          { epoch: 2, owner: 'm2-0011', base: { epoch: 1, seq: 22 } },
          { epoch: 5, owner: 'a.b_c-9', base: { epoch: 4, seq: 29 } },
        ]
        await engine.elect(electRequest('m1', undefined, { earlier }))
        assert.deepEqual((await engine.leader())?.earlier, earlier)
        const seen = { epoch: 1, owner: 'm1' }
        await engine.elect(electRequest('m2', seen, { earlier: [] }))
        assert.deepEqual((await engine.leader())?.earlier, [])
      })
    }

    test('elect again by the owner is the same answer: the first one may have been lost', async () => {
      const first = await engine.elect(electRequest('m1'))
      const again = await engine.elect(electRequest('m1', undefined, { writeId: 'another' }))
      assert.deepEqual(again, first)
    })

    test('elect compares what was seen', async () => {
      await takeOver(engine, 'm1')
      const changed = { kind: 'changed', epoch: 1, owner: 'm1' }
      assert.deepEqual(await engine.elect(electRequest('m2')), changed)
      assert.deepEqual(await engine.elect(electRequest('m2', { epoch: 1, owner: 'm3' })), changed)
      assert.deepEqual(await engine.elect(electRequest('m2', { epoch: 2, owner: 'm1' })), changed)
      assert.equal((await engine.leader())?.owner, 'm1')
    })

    test('the epoch goes above every epoch heard of', async () => {
      assert.equal((await takeOver(engine, 'm1', { observedEpoch: 41 })).epoch, 42)
      assert.equal((await takeOver(engine, 'm2', { observedEpoch: 7 })).epoch, 43)
    })

    test('of candidates that race with the same sight one wins, and the leader record names it', async () => {
      const first = await takeOver(engine, 'm0')
      for (let round = 0, seen: Fence = first; round < 5; round += 1) {
        const engines = [await open(), await open(), await open()]
        const racing = engines.map((one, index) => one.elect(electRequest(`r${round}-${index}`, seen)))
        const outcomes = await Promise.all(racing)
        assert.deepEqual(kinds(outcomes), ['changed', 'changed', 'elected'])
        const winner = outcomes.find((outcome) => outcome.kind === 'elected') as Elected
        const record = await engine.leader()
        assert.equal(record?.owner, winner.owner)
        assert.equal(record.epoch, winner.epoch)
        seen = winner
      }
    })

    test('a commit moves seq and write id; the same one again is a duplicate and changes nothing', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const request = leader.next([putOf('worker', 'w1', { cores: 2 })])
      const position = { epoch: 1, seq: 1 }
      assert.deepEqual(await engine.commit(leader.fence, request), { kind: 'ok', position })
      assert.deepEqual(await engine.commit(leader.fence, request), { kind: 'duplicate', position })
      const record = await engine.leader()
      assert.deepEqual(record?.position, position)
      assert.equal(record.writeId, request.writeId)
    })

    test('two copies of one commit at the same time: one of the two is a duplicate', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const request = leader.next([putOf('worker', 'w1')])
      const both = [engine.commit(leader.fence, request), engine.commit(leader.fence, request)]
      assert.deepEqual(kinds(await Promise.all(both)), ['duplicate', 'ok'])
    })

    test('a deposed leader is refused, by commit and touch, and what it sends is not kept', async () => {
      const old = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      await old.write([putOf('worker', 'w1', { by: 'm1' })])
      const other = await open()
      const elected = await takeOver(other, 'm2')
      assert.deepEqual(elected.base, { epoch: 1, seq: 1 })
      const deposed = { kind: 'deposed', epoch: 2, owner: 'm2' }
      const late = old.next([putOf('worker', 'w1', { by: 'late' }), putOf('worker', 'w2')])
      assert.deepEqual(await engine.commit(old.fence, late), deposed)
      assert.deepEqual(await engine.commit(old.fence, late), deposed)
      assert.deepEqual(await engine.touch(old.fence, 'lock', old.writeId), deposed)
      assert.deepEqual(await engine.touch(old.fence, 'lock'), deposed)
      assert.deepEqual(await readAll(other, elected, 'worker'), kept({ w1: { id: 'w1', by: 'm1' } }))
      const next = await takeOver(await open(), 'm3')
      assert.deepEqual(await readAll(opened.at(-1)!, next, 'worker'), kept({ w1: { id: 'w1', by: 'm1' } }))
    })

    test('the same epoch with another owner is deposed too', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const outcome = await engine.commit({ epoch: 1, owner: 'm9' }, leader.next([putOf('worker', 'w1')]))
      assert.deepEqual(outcome, { kind: 'deposed', epoch: 1, owner: 'm1' })
    })

    test('a store that is behind is rewound: a lower epoch, or another write id than the one before', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      await leader.write([putOf('worker', 'w1')])
      const position = { epoch: 1, seq: 1 }
      const stands = { kind: 'rewound', position, writeId: leader.writeId }
      const ahead = { ...leader.next([putOf('worker', 'w2')]), prev: 'a write id that this store never had' }
      assert.deepEqual(await engine.commit(leader.fence, ahead), stands)
      assert.deepEqual(await engine.touch(leader.fence, 'lock', ahead.prev), stands)
      const future: CommitOutcome = await engine.commit({ epoch: 9, owner: 'm1' }, leader.next([]))
      assert.equal(future.kind, 'rewound')
      assert.deepEqual((await engine.leader())?.position, position)
    })

    test('a late copy of an older commit writes nothing', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const late = leader.next([putOf('worker', 'w1', { value: 1 })])
      await leader.write(late.puts)
      await leader.write([putOf('worker', 'w1', { value: 2 })])
      assert.equal((await engine.commit(leader.fence, late)).kind, 'rewound')
      const next = await takeOver(await open(), 'm2')
      const found = await readAll(opened.at(-1)!, next, 'worker')
      assert.deepEqual(found, kept({ w1: { id: 'w1', value: 2 } }))
    })

    test('touch: OK for the leader at its write id, and without one; it shows as a sign of life', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      await leader.write([putOf('worker', 'w1')])
      const ok = { kind: 'ok', position: { epoch: 1, seq: 1 } }
      assert.deepEqual(await engine.touch(leader.fence, 'lock-2', leader.writeId), ok)
      const before = (await engine.leader())?.touchedMs
      assert.deepEqual(await engine.touch(leader.fence, 'lock-2'), ok)
      assert.notEqual((await engine.leader())?.touchedMs, before)
      await leader.write([putOf('worker', 'w2')])
    })

    test('a fence that nothing was ever stored for is rewound', async () => {
      const fence = { epoch: 1, owner: 'm1' }
      const request = { n: 1, prev: 'a', writeId: 'b', puts: [], deletes: [] }
      assert.equal((await engine.commit(fence, request)).kind, 'rewound')
      assert.equal((await engine.touch(fence, 'lock')).kind, 'rewound')
    })

    test('records come back in pages: all tables, last values, without the deleted', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      const ids = Array.from({ length: 1200 }, (_, index) => `w-${index}`)
      for (let from = 0; from < ids.length; from += 512) {
        await leader.write(ids.slice(from, from + 512).map((id) => putOf('worker', id, { round: 1 })))
      }
      const odd = {
        table: 'app',
        id: 'a "quoted"\tid\nwith \u00e9 and \ud800',
        json: '{"id":"odd",\n"n":1}',
      } as const
      await leader.write([putOf('worker', 'w-7', { round: 2 }), odd], [{ table: 'worker', id: 'w-8' }])
      await leader.write([putOf('driver', 'd'), putOf('ended', 'd'), putOf('key', 'k')])
      const elected = await takeOver(await open(), 'm2')
      const next = opened.at(-1)!
      assert.deepEqual(elected.base, { epoch: 1, seq: 5 })
      const workers = await readAll(next, elected, 'worker')
      assert.equal(workers.size, durable ? 1199 : 0)
      if (durable) {
        assert.deepEqual(workers.get('w-7'), { id: 'w-7', round: 2 })
        assert.deepEqual(workers.get('w-1199'), { id: 'w-1199', round: 1 })
        assert.ok(!workers.has('w-8'))
      }
      assert.deepEqual(await readAll(next, elected, 'app'), kept({ [odd.id]: { id: 'odd', n: 1 } }))
      for (const [table, id] of [
        ['driver', 'd'],
        ['ended', 'd'],
        ['key', 'k'],
      ] as const) {
        assert.deepEqual(await readAll(next, elected, table), kept({ [id]: { id } }))
      }
    })

    test('read is fenced: moved for another owner, after a commit and after another election', async () => {
      const elected = await takeOver(engine, 'm1')
      const fence = { epoch: elected.epoch, owner: elected.owner }
      const moved = { kind: 'moved' }
      const { texts, ...page } = (await engine.read(fence, elected.writeId, 'worker', undefined)) as {
        readonly texts?: readonly string[]
      }
      assert.deepEqual(page, { kind: 'page', records: [], cursor: undefined })
      assert.deepEqual(texts ?? [], [])
      assert.deepEqual(await engine.read(fence, 'another', 'worker', undefined), moved)
      const stranger = { epoch: 1, owner: 'm9' }
      assert.deepEqual(await engine.read(stranger, elected.writeId, 'worker', undefined), moved)
      await new SuiteLeader(engine, elected).write([putOf('worker', 'w1')])
      assert.deepEqual(await engine.read(fence, elected.writeId, 'worker', undefined), moved)
      const second = await takeOver(engine, 'm2')
      const third = await takeOver(await open(), 'm3')
      assert.equal(third.epoch, 3)
      const late = await engine.read({ epoch: 2, owner: 'm2' }, second.writeId, 'worker', undefined)
      assert.deepEqual(late, moved)
    })

    test('read without a write id goes on beside own commits, and is moved for anybody who does not lead', async () => {
      const elected = await takeOver(engine, 'm1')
      const fence = { epoch: elected.epoch, owner: elected.owner }
      await new SuiteLeader(engine, elected).write([putOf('key', 'k1')])
      const page = await engine.read(fence, undefined, 'key', undefined)
      assert.equal(page.kind, 'page')
      const ids = page.kind === 'page' ? page.records.map(([id]) => id) : []
      assert.deepEqual(ids, [...kept({ k1: 1 }).keys()])
      await takeOver(await open(), 'm2')
      assert.deepEqual(await engine.read(fence, undefined, 'key', undefined), { kind: 'moved' })
    })

    test('a process that died without closing anything is read in full; seq counts on', async () => {
      let records: Record<string, unknown> = {}
      for (let life = 1; life <= 4; life += 1) {
        const elected = await takeOver(await open(), `m${life}`)
        const now = opened.at(-1)!
        assert.deepEqual(elected.base, { epoch: life - 1, seq: (life - 1) * 3 })
        assert.deepEqual(await readAll(now, elected, 'driver'), kept(records))
        const leader = new SuiteLeader(now, elected)
        for (let n = 1; n <= 3; n += 1) await leader.write([putOf('driver', `d${n}`, { life })])
        records = Object.fromEntries([1, 2, 3].map((n) => [`d${n}`, { id: `d${n}`, life }]))
      }
    })

    test('leave is seen, only from the leader itself, and gone with the next election', async () => {
      const elected = await takeOver(engine, 'm1')
      await engine.leave({ epoch: 1, owner: 'm9' })
      assert.equal((await engine.leader())?.left, false)
      await engine.leave(elected)
      assert.equal((await engine.leader())?.left, true)
      await takeOver(engine, 'm2')
      assert.equal((await engine.leader())?.left, false)
    })

    test('a record that its schema refuses is set aside, and costs only itself', async () => {
      const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
      await leader.write([putOf('app', 'good'), { table: 'app', id: 'bad', json: '{"no":"id"}' }])
      assert.deepEqual(await engine.quarantined(), [])
      const elected = await takeOver(await open(), 'm2')
      const next = opened.at(-1)!
      assert.deepEqual(await readAll(next, elected, 'app'), kept({ good: { id: 'good' } }))
      const aside = await next.quarantined()
      assert.equal(aside.length, durable ? 1 : 0)
      for (const { place, reason } of aside) {
        assert.match(place, /app bad/)
        assert.equal(reason, 'a record without an id')
      }
    })
  })
}
