import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { causalOrder, type ProcessTrace } from '../../runtime/trace/causal-order.js'
import { clockOffsetMs } from '../../runtime/trace/clock-offset.js'
import type { TraceRecord } from '../../runtime/trace/record.js'
import { recordOf } from '../tools/trace-fixture.js'

const traceOf = (incarnation: string, records: TraceRecord[], offsetMs = 0): ProcessTrace => ({
  incarnation,
  offsetMs,
  records,
})

const idsOf = (processes: ProcessTrace[]): number[] => causalOrder(processes).map(({ id }) => id)

test('a message that crossed is one, with both sides', () => {
  const sent = recordOf({ id: 1, direction: 'out', at: 10, bytes: 99 })
  const received = recordOf({ id: 1, direction: 'in', at: 12, tookUs: 7, peer: 'a' })
  const [only, ...more] = causalOrder([traceOf('b', [received]), traceOf('a', [sent])])
  assert.deepEqual(more, [])
  assert.deepEqual(only, {
    id: 1,
    atMs: 10,
    sent: { by: 'a', record: sent },
    received: { by: 'b', record: received },
  })
})

test('a receiver whose clock is behind shows what it answered after the question', () => {
  const a = traceOf('a', [recordOf({ id: 1, direction: 'out', at: 5000 })])
  const b = traceOf('b', [
    recordOf({ id: 1, direction: 'in', at: 100 }),
    recordOf({ id: 2, direction: 'out', at: 101, parent: 1 }),
  ])
  const merged = causalOrder([b, a])
  assert.deepEqual(
    merged.map(({ id, atMs }) => [id, atMs]),
    [
      [1, 5000],
      [2, 5000],
    ],
  )
})

test('what a process sent after it received something comes later, though nothing names it as the cause', () => {
  const a = traceOf('a', [recordOf({ id: 1, direction: 'out', at: 900 })])
  const b = traceOf('b', [
    recordOf({ id: 1, direction: 'in', at: 1 }),
    recordOf({ id: 2, direction: 'local', at: 2 }),
  ])
  assert.deepEqual(idsOf([a, b]), [1, 2])
})

test('the parent comes first, though the process that handled it is gone', () => {
  const a = traceOf('a', [recordOf({ id: 1, direction: 'out', at: 900 })])
  const c = traceOf('c', [recordOf({ id: 2, direction: 'in', at: 5, parent: 1 })])
  assert.deepEqual(idsOf([c, a]), [1, 2])
})

test('the order of receipt says nothing about that of sending', () => {
  // a sends 1 before 4, b sends 2 before 3; c gets 4 before 2, d gets 3 before 1: no contradiction.
  const a = traceOf('a', [recordOf({ id: 1, direction: 'out' }), recordOf({ id: 4, direction: 'out' })])
  const b = traceOf('b', [recordOf({ id: 2, direction: 'out' }), recordOf({ id: 3, direction: 'out' })])
  const c = traceOf('c', [recordOf({ id: 4, direction: 'in' }), recordOf({ id: 2, direction: 'in' })])
  const d = traceOf('d', [recordOf({ id: 3, direction: 'in' }), recordOf({ id: 1, direction: 'in' })])
  const order = idsOf([a, b, c, d])
  assert.deepEqual([...order].sort(), [1, 2, 3, 4])
  assert.ok(order.indexOf(1) < order.indexOf(4) && order.indexOf(2) < order.indexOf(3))
})

test('records that contradict each other are all shown, once', () => {
  const a = traceOf('a', [
    recordOf({ id: 2, direction: 'in', parent: 1 }),
    recordOf({ id: 1, direction: 'out', parent: 2 }),
  ])
  const b = traceOf('b', [recordOf({ id: 1, direction: 'in' }), recordOf({ id: 2, direction: 'out' })])
  assert.deepEqual(idsOf([a, b]).sort(), [1, 2])
})

test('clocks: as far apart as an answer proves, no more', () => {
  assert.equal(clockOffsetMs(100, 105, 110), 0)
  assert.equal(clockOffsetMs(100, 100, 100), 0)
  assert.equal(clockOffsetMs(100, 3_600_100, 110), 3_599_990)
  assert.equal(clockOffsetMs(100, 40, 110), -60)
})

interface Sent {
  readonly id: number
  readonly parent: number | undefined
  readonly sentAt: number
}

interface World {
  readonly logs: TraceRecord[][]
  readonly sent: Map<number, Sent>
}

interface Action {
  readonly process: number
  readonly to: number
  readonly kind: 'send' | 'receive'
  readonly pick: number
}

/** Runs processes on one true clock and keeps what each of them records by its own. */
function run(actions: readonly Action[], processes: number, skews: readonly number[]): World {
  const logs: TraceRecord[][] = Array.from({ length: processes }, () => [])
  const underWay: { readonly id: number; readonly to: number }[] = []
  const last: (number | undefined)[] = []
  const sent = new Map<number, Sent>()
  let now = 1000
  let id = 0
  const log = (process: number, record: Partial<TraceRecord> & Pick<TraceRecord, 'id' | 'direction'>) =>
    logs[process]!.push(recordOf({ at: now + skews[process]!, ...record }))
  for (const { process, to, kind, pick } of actions) {
    now++
    if (kind === 'send') {
      const parent = pick % 3 === 0 ? undefined : last[process]
      const direction = to === process ? 'local' : 'out'
      sent.set(++id, { id, parent, sentAt: now })
      log(process, { id, direction, ...(parent !== undefined && { parent }) })
      if (direction === 'out') underWay.push({ id, to })
      else last[process] = id
    } else if (underWay.length > 0) {
      const [message] = underWay.splice(pick % underWay.length, 1)
      const { parent } = sent.get(message!.id)!
      log(message!.to, { id: message!.id, direction: 'in', ...(parent !== undefined && { parent }) })
      last[message!.to] = message!.id
    }
  }
  return { logs, sent }
}

const processCount = 4
const anAction = fc.record({
  process: fc.nat(processCount - 1),
  to: fc.nat(processCount - 1),
  kind: fc.constantFrom('send' as const, 'receive' as const),
  pick: fc.nat(1000),
})
const skewsOf = fc.array(fc.integer({ min: -100_000, max: 100_000 }), {
  minLength: processCount,
  maxLength: processCount,
})

/** What must come before what, as far as the logs that are left show it. */
function checkOrder(logs: readonly TraceRecord[][], order: readonly number[]): void {
  const position = new Map(order.map((id, index) => [id, index]))
  const all = new Set(logs.flat().map(({ id }) => id))
  assert.equal(order.length, all.size, 'each message once')
  for (const id of all) assert.ok(position.has(id), `message ${id} is shown`)
  for (const log of logs) {
    let latest = -1
    for (const { id, direction, parent } of log) {
      const at = position.get(id)!
      if (parent !== undefined && position.has(parent))
        assert.ok(position.get(parent)! < at, 'the cause first')
      if (direction !== 'in') assert.ok(at > latest, 'sent after all that its sender had seen')
      latest = Math.max(latest, at)
    }
  }
}

test('whatever the clocks say and whichever logs are lost or cut: happened-before holds', () => {
  const anyWorld = fc.record({
    actions: fc.array(anAction, { maxLength: 120 }),
    skews: skewsOf,
    offsets: skewsOf,
    lost: fc.subarray([0, 1, 2, 3], { maxLength: 2 }),
    cut: fc.nat(20),
  })
  fc.assert(
    fc.property(anyWorld, ({ actions, skews, offsets, lost, cut }) => {
      const { logs } = run(actions, processCount, skews)
      const left = logs.map((log, process) =>
        lost.includes(process) ? [] : log.slice(process === 0 ? cut : 0),
      )
      const merged = causalOrder(left.map((log, process) => traceOf(`p${process}`, log, offsets[process])))
      checkOrder(
        left,
        merged.map(({ id }) => id),
      )
      const shownAt = new Map(merged.map(({ id, atMs }) => [id, atMs]))
      for (const { id, sent, received } of merged) {
        const { parent } = (sent ?? received)!.record
        if (parent !== undefined && shownAt.has(parent)) assert.ok(shownAt.get(parent)! <= shownAt.get(id)!)
      }
    }),
    { numRuns: 300 },
  )
})

test('with the offsets known and all logs there, the order is that of true time', () => {
  fc.assert(
    fc.property(fc.array(anAction, { maxLength: 120 }), skewsOf, (actions, skews) => {
      const { logs, sent } = run(actions, processCount, skews)
      const merged = causalOrder(logs.map((log, process) => traceOf(`p${process}`, log, skews[process])))
      assert.deepEqual(
        merged.map(({ id, atMs }) => [id, atMs]),
        [...sent.values()].map(({ id, sentAt }) => [id, sentAt]),
      )
    }),
    { numRuns: 200 },
  )
})
