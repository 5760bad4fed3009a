import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import {
  CommitQueue,
  type CommitQueueLimits,
  type CommitQueueRequest,
} from '../../runtime/persistence/commit-queue.js'
import { compareFence } from '../../runtime/persistence/compare-fence.js'
import type { CommitOutcome, Fence, Table } from '../../runtime/persistence/engine.js'
import { RecordTables } from '../../runtime/persistence/record-tables.js'

function commitQueueOf(more: Partial<CommitQueueLimits> = {}): CommitQueue<string> {
  let writeIds = 0
  const newWriteId = () => `mark-${++writeIds}`
  const base = { epoch: 2, seq: 40 }
  return new CommitQueue({ epoch: 3, base, writeId: 'elected', newWriteId, limits: { ...limits, ...more } })
}

const put = (id: string, fields: object = {}, table: Table = 'driver') => ({ table, id, value: fields })
const step = (puts: ReturnType<typeof put>[], ...effects: string[]) => ({ puts, deletes: [], effects })
const ok = (seq: number): CommitOutcome => ({ kind: 'ok', position: { epoch: 3, seq } })
const unknown: CommitOutcome = { kind: 'unknown', reason: 'time-out' }

function nextCommit(commitQueue: CommitQueue<string>, nowMs = 0) {
  const next = commitQueue.next(nowMs)
  assert.equal(next?.kind, 'commit')
  return next as Extract<CommitQueueRequest, { kind: 'commit' }>
}

test('a commit continues seq and write id of the election and stamps its position into the records', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit({
    ...step([put('a', { x: 1, at: { epoch: 1, seq: 1 } })], 'one'),
    deletes: [{ table: 'key', id: 'k' }],
  })
  const request = nextCommit(commitQueue)
  assert.deepEqual(
    { ...request, puts: request.puts.map(({ json, ...rest }) => ({ ...rest, value: JSON.parse(json) })) },
    {
      kind: 'commit',
      n: 41,
      prev: 'elected',
      writeId: 'mark-1',
      puts: [{ table: 'driver', id: 'a', value: { at: { epoch: 3, seq: 41 }, x: 1 } }],
      deletes: [{ table: 'key', id: 'k' }],
    },
  )
  assert.deepEqual(commitQueue.position, { epoch: 3, seq: 40 })
  assert.deepEqual(commitQueue.settled(ok(41), 0).released, ['one'])
  assert.deepEqual(commitQueue.position, { epoch: 3, seq: 41 })
  commitQueue.submit(step([put('b')]))
  const second = nextCommit(commitQueue)
  assert.equal(second.prev, 'mark-1')
  assert.equal(second.n, 42)
  assert.equal(second.puts[0]?.json, '{"at":{"epoch":3,"seq":42}}')
})

test('a raise of the format is a commit of its own right, and what waits goes with it', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit({ ...step([], 'raised'), format: 2 })
  const request = nextCommit(commitQueue)
  assert.deepEqual(request.puts, [])
  assert.equal(request.format, 2)
  commitQueue.submit(step([put('a')], 'later'))
  assert.deepEqual(commitQueue.settled(unknown, 0).released, [])
  assert.deepEqual(nextCommit(commitQueue, 1e6), request, 'it is repeated unchanged')
  const settled = commitQueue.settled(ok(41), 1e6)
  assert.deepEqual(settled.released, ['raised'])
  assert.equal(settled.durable?.format, 2)
  assert.equal('format' in nextCommit(commitQueue, 1e6), false)
  const both = commitQueueOf()
  both.submit(step([put('a')], 'before'))
  both.submit({ ...step([], 'raised'), format: 2 })
  both.submit(step([put('b')], 'after'))
  const one = nextCommit(both)
  assert.deepEqual([one.puts.length, one.format], [2, 2])
})

test('one is in flight; all that wait go with the next one, the last value of each record', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit(step([put('a', { v: 1 })], 'a1'))
  const first = nextCommit(commitQueue)
  commitQueue.submit(step([put('a', { v: 2 }), put('b', { v: 2 })], 'a2'))
  commitQueue.submit({
    puts: [put('c', { v: 3 })],
    deletes: [{ table: 'driver', id: 'b' }],
    effects: ['a3', 'a4'],
  })
  commitQueue.submit({ puts: [put('c', { v: 4 })], deletes: [], effects: [] })
  assert.equal(commitQueue.next(0), undefined)
  assert.deepEqual(commitQueue.settled(ok(first.n), 0).released, ['a1'])
  const second = nextCommit(commitQueue)
  const values = second.puts.map(({ id, json }) => [id, JSON.parse(json).v])
  assert.deepEqual(values, [
    ['a', 2],
    ['c', 4],
  ])
  assert.deepEqual(second.deletes, [{ table: 'driver', id: 'b' }])
  assert.deepEqual(commitQueue.settled({ kind: 'duplicate', position: { epoch: 3, seq: 42 } }, 0).released, [
    'a2',
    'a3',
    'a4',
  ])
  assert.equal(commitQueue.next(0), undefined)
  assert.ok(commitQueue.idle)
})

test('a record is taken as it was when it was submitted', () => {
  const commitQueue = commitQueueOf()
  const record = { state: 'SUBMITTED' }
  commitQueue.submit(step([put('a', record)]))
  record.state = 'RUNNING'
  assert.equal(JSON.parse(nextCommit(commitQueue).puts[0]!.json).state, 'SUBMITTED')
})

test('a step without writes waits its turn behind a commit, and behind a touch when only effects wait', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit(step([], 'status'))
  assert.deepEqual(commitQueue.next(0), { kind: 'touch', prev: 'elected' })
  commitQueue.submit(step([], 'later'))
  const settled = commitQueue.settled(ok(40), 0)
  assert.deepEqual(settled, { released: ['status'] })
  commitQueue.submit(step([put('a')], 'launch'))
  commitQueue.submit(step([], 'reply'))
  const commit = nextCommit(commitQueue)
  assert.deepEqual(commitQueue.settled(ok(commit.n), 0).released, ['later', 'launch', 'reply'])
  commitQueue.submit(step([]))
  assert.equal(commitQueue.next(0), undefined)
})

test('a group stays within entries and bytes; a step is never split', () => {
  const commitQueue = commitQueueOf({ commitEntries: 4, commitBytes: 4000 })
  const three = (name: string) => [put(`${name}1`), put(`${name}2`), put(`${name}3`)]
  commitQueue.submit(step(three('a'), 'a'))
  commitQueue.submit(step([put('a1'), put('b')], 'b')) // One new entry: fits.
  commitQueue.submit(step([put('c')], 'c'))
  commitQueue.submit(step([], 'd'))
  commitQueue.submit(step([put('big', { text: 'x'.repeat(5000) })], 'big')) // Over the bytes: alone.
  commitQueue.submit(step([...three('e'), ...three('f')], 'e')) // Over the entries: alone.
  const released: string[][] = []
  const sizes: number[] = []
  for (let request = commitQueue.next(0); request !== undefined; request = commitQueue.next(0)) {
    assert.equal(request.kind, 'commit')
    if (request.kind !== 'commit') break
    sizes.push(request.puts.length)
    released.push([...commitQueue.settled(ok(request.n), 0).released])
  }
  assert.deepEqual(sizes, [4, 1, 1, 6])
  assert.deepEqual(released, [['a', 'b'], ['c', 'd'], ['big'], ['e']])
})

test('512 entries go in one commit', () => {
  const commitQueue = commitQueueOf()
  for (let n = 0; n < 600; n += 1) commitQueue.submit(step([put(`d${n}`)], `${n}`))
  const first = nextCommit(commitQueue)
  assert.equal(first.puts.length, 512)
  assert.equal(commitQueue.settled(ok(first.n), 0).released.length, 512)
  assert.equal(nextCommit(commitQueue).puts.length, 88)
})

test('unknown: the same commit again, with back-off doubling to its limit, though more waits', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit(step([put('a')], 'a'))
  const request = nextCommit(commitQueue)
  let nowMs = 1000
  const waits: number[] = []
  for (let round = 0; round < 6; round += 1) {
    assert.deepEqual(commitQueue.settled(unknown, nowMs), { released: [] })
    assert.equal(commitQueue.storeDegradation, 'STORE_UNAVAILABLE')
    commitQueue.submit(step([put('b')], `b${round}`))
    const wait = commitQueue.next(nowMs)
    assert.equal(wait?.kind, 'wait')
    waits.push(wait.kind === 'wait' ? wait.ms : 0)
    nowMs += waits.at(-1)!
    assert.deepEqual(commitQueue.next(nowMs), request)
  }
  assert.deepEqual(waits, [20, 40, 80, 160, 250, 250])
  assert.deepEqual(
    commitQueue.settled({ kind: 'duplicate', position: { epoch: 3, seq: 41 } }, nowMs).released,
    ['a'],
  )
  assert.equal(commitQueue.storeDegradation, undefined)
  assert.equal(nextCommit(commitQueue, nowMs).prev, request.writeId)
  commitQueue.settled(unknown, nowMs)
  assert.deepEqual(commitQueue.next(nowMs), { kind: 'wait', ms: 20 }, 'the back-off began anew')
})

test('refused: kept and sent again, with the code for new requests', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit(step([put('a')], 'a'))
  const request = nextCommit(commitQueue)
  commitQueue.settled({ kind: 'refused', code: 'STORE_FULL', reason: 'OOM' }, 0)
  assert.equal(commitQueue.storeDegradation, 'STORE_FULL')
  assert.deepEqual(commitQueue.next(20), request)
  assert.deepEqual(commitQueue.settled(ok(41), 20).released, ['a'])
  assert.equal(commitQueue.storeDegradation, undefined)
})

test('a touch of unknown outcome wrote nothing: what came since goes along as a commit', () => {
  const commitQueue = commitQueueOf()
  commitQueue.submit(step([], 'status'))
  assert.equal(commitQueue.next(0)?.kind, 'touch')
  commitQueue.settled(unknown, 0)
  commitQueue.submit(step([put('a')], 'a'))
  assert.deepEqual(commitQueue.settled(ok(nextCommit(commitQueue, 20).n), 20).released, ['status', 'a'])
})

for (const end of [
  { kind: 'deposed', epoch: 4, owner: 'm2' },
  { kind: 'rewound', position: { epoch: 2, seq: 30 }, writeId: 'x' },
  { kind: 'failed', reason: 'fsync' },
] as const) {
  test(`${end.kind} ends the commit queue; what was sent is of unknown outcome, the rest was never sent`, () => {
    const commitQueue = commitQueueOf()
    commitQueue.submit(step([put('a')], 'a'))
    commitQueue.submit(step([], 'b'))
    nextCommit(commitQueue)
    commitQueue.submit(step([put('c')], 'c'))
    assert.deepEqual(commitQueue.settled(end, 0), { released: [], ended: end })
    assert.equal(commitQueue.next(1000), undefined)
    assert.equal(commitQueue.submit(step([put('d')], 'd')), 'ended')
    assert.deepEqual(commitQueue.abandon(), { unknown: ['a', 'b'], neverSent: ['c'] })
    assert.deepEqual(commitQueue.abandon(), { unknown: [], neverSent: [] })
  })
}

test('behind a touch nothing is of unknown outcome; an unsettled commit is', () => {
  const touched = commitQueueOf()
  touched.submit(step([], 'status'))
  touched.next(0)
  assert.deepEqual(touched.abandon(), { unknown: [], neverSent: ['status'] })
  const sent = commitQueueOf()
  sent.submit(step([put('a')], 'a'))
  assert.deepEqual(commitQueueOf().abandon(), { unknown: [], neverSent: [] })
  nextCommit(sent)
  sent.settled(unknown, 0)
  assert.deepEqual(sent.abandon(), { unknown: ['a'], neverSent: [] })
})

test('the commit queue is bounded by steps and by bytes, in flight included; one step always fits after full was false', () => {
  const steps = commitQueueOf({ commitQueueSteps: 3 })
  for (const name of ['a', 'b', 'c']) assert.equal(steps.submit(step([put(name)], name)), 'accepted')
  assert.ok(steps.full)
  assert.equal(steps.submit(step([put('d')], 'd')), 'busy')
  const request = nextCommit(steps)
  assert.ok(steps.full)
  assert.deepEqual(steps.settled(ok(request.n), 0).released, ['a', 'b', 'c'])
  assert.ok(!steps.full)
  const bytes = commitQueueOf({ commitQueueBytes: 1000 })
  assert.equal(bytes.submit(step([put('a', { text: 'x'.repeat(3000) })])), 'accepted')
  assert.equal(bytes.submit(step([put('b')])), 'busy')
  assert.equal(bytes.submit(step([], 'effect')), 'busy')
  bytes.settled(ok(nextCommit(bytes).n), 0)
  assert.equal(bytes.submit(step([put('b')])), 'accepted')
})

test('an outcome that nothing asked for is a defect, said at once', () => {
  const commitQueue = commitQueueOf()
  assert.throws(() => commitQueue.settled(ok(1), 0), { code: 'FIRESTEEL_INTERNAL' })
  commitQueue.submit(step([put('a')]))
  nextCommit(commitQueue)
  commitQueue.settled(ok(41), 0)
  assert.throws(() => commitQueue.settled(ok(41), 0), { code: 'FIRESTEEL_INTERNAL' })
})

/** The store of protocol 3, with copies that run late. */
class ModelStore {
  readonly records = new RecordTables()
  readonly fence: Fence
  readonly late: CommitQueueRequest[] = []
  epoch = 3
  owner = 'me'
  seq = 40
  writeId = 'elected'

  constructor() {
    this.fence = { epoch: 3, owner: 'me' }
  }

  run(request: CommitQueueRequest): CommitOutcome {
    const writeId = request.kind === 'commit' ? request.writeId : undefined
    const found = compareFence(this, this.fence, request.prev, writeId)
    if (found.kind === 'deposed' || found.kind === 'rewound') return found
    if (request.kind === 'commit' && found.kind === 'go') {
      this.records.apply(request.puts, request.deletes)
      this.seq = request.n
      this.writeId = request.writeId
    }
    return { kind: found.kind === 'go' ? 'ok' : 'duplicate', position: { epoch: this.epoch, seq: this.seq } }
  }
}

type Fate = 'ok' | 'answer lost' | 'never arrived' | 'arrives late' | 'full' | 'deposed'

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('ok') },
  { weight: 2, arbitrary: fc.constantFrom<Fate>('answer lost', 'never arrived', 'arrives late', 'full') },
)
const event = fc.oneof(
  fc.record({
    kind: fc.constant('step' as const),
    puts: fc.array(fc.nat(5), { maxLength: 3 }),
    deletes: fc.array(fc.nat(5), { maxLength: 1 }),
    effects: fc.nat(2),
  }),
  fc.record({ kind: fc.constant('send' as const), fate }),
  fc.record({ kind: fc.constant('late' as const) }),
)

/**
 * Runs events against commit queue and model; every released effect is checked against what the store holds
 * then.
 */
class History {
  readonly commitQueue = commitQueueOf({ commitEntries: 6, commitQueueSteps: 12 })
  readonly store = new ModelStore()
  /** All effects in step order; which step each is of; the store's content once that step is durable. */
  readonly expected: string[] = []
  readonly stepOf = new Map<string, number>()
  readonly contents: string[] = []
  readonly released: string[] = []
  readonly #model = new Map<string, number>()
  #steps = 0
  #nowMs = 0

  step(puts: readonly number[], deletes: readonly number[], count: number): void {
    const n = ++this.#steps
    const gone = deletes.filter((id) => !puts.includes(id))
    const effects = Array.from({ length: count }, (_, index) => `${n}.${index}`)
    const answer = this.commitQueue.submit({
      puts: puts.map((id) => put(`r${id}`, { n })),
      deletes: gone.map((id) => ({ table: 'driver', id: `r${id}` })),
      effects,
    })
    if (answer !== 'accepted') return
    for (const id of puts) this.#model.set(`r${id}`, n)
    for (const id of gone) this.#model.delete(`r${id}`)
    this.expected.push(...effects)
    for (const effect of effects) this.stepOf.set(effect, this.contents.length)
    this.contents.push(this.modelContent())
  }

  send(how: Fate): void {
    const next = this.commitQueue.next(this.#nowMs)
    if (next?.kind === 'wait') this.#nowMs += next.ms
    const request = next?.kind === 'wait' ? this.commitQueue.next(this.#nowMs) : next
    if (request === undefined || request.kind === 'wait') return
    if (how === 'deposed') this.store.epoch += 1
    let outcome: CommitOutcome = unknown
    if (how === 'full') outcome = { kind: 'refused', code: 'STORE_FULL', reason: 'full' }
    else if (how === 'arrives late') this.store.late.push(request)
    else if (how === 'answer lost') this.store.run(request)
    else if (how !== 'never arrived') outcome = this.store.run(request)
    const { released, ended } = this.commitQueue.settled(outcome, this.#nowMs)
    assert.equal(ended?.kind, how === 'deposed' ? 'deposed' : undefined)
    this.released.push(...released)
    // In order and without a gap, and not before the store has it and all earlier.
    assert.deepEqual(this.released, this.expected.slice(0, this.released.length))
    const last = released.at(-1)
    if (last !== undefined) this.#assertDurable(last)
  }

  runLate(): void {
    const request = this.store.late.shift()
    if (request !== undefined) this.store.run(request)
  }

  storeContent(): string {
    const rows = [...this.store.records.rows('driver')].map(([id, json]) => `${id}=${JSON.parse(json).n}`)
    return rows.sort().join()
  }

  modelContent(): string {
    return [...this.#model]
      .map(([id, n]) => `${id}=${n}`)
      .sort()
      .join()
  }

  /** The store holds what it held after that step or a later one. */
  #assertDurable(effect: string): void {
    const content = this.storeContent()
    const possible = this.contents.slice(this.stepOf.get(effect))
    assert.ok(possible.includes(content), `released ${effect} while the store held ${content}`)
  }

  play(events: readonly (typeof event extends fc.Arbitrary<infer E> ? E : never)[]): void {
    for (const one of events) {
      if (one.kind === 'step') this.step(one.puts, one.deletes, one.effects)
      else if (one.kind === 'send') this.send(one.fate)
      else this.runLate()
    }
  }
}

test('whatever becomes of the commits: effects in order, none before its write, none lost', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const history = new History()
      history.play(events)
      while (!history.commitQueue.idle) history.send('ok')
      while (history.store.late.length > 0) history.runLate()
      assert.deepEqual(history.released, history.expected)
      assert.equal(history.storeContent(), history.modelContent())
    }),
    { numRuns: 1000 },
  )
})

test('after a leadership has ended each effect was released, is unknown or was never sent; never two of them', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const history = new History()
      history.play(events)
      history.send('deposed')
      const { unknown, neverSent } = history.commitQueue.abandon()
      assert.deepEqual([...history.released, ...unknown, ...neverSent], history.expected)
      while (history.store.late.length > 0) history.runLate()
      // What was never sent is not there, and never will be.
      const firstUnsent = neverSent[0]
      const before = firstUnsent === undefined ? history.contents.length : history.stepOf.get(firstUnsent)
      assert.ok(['', ...history.contents.slice(0, before)].includes(history.storeContent()))
    }),
    { numRuns: 500 },
  )
})
