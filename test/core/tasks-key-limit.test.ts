import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DueHeap } from '../../actors/tasks/due-heap.js'
import { KeyLimit, type LimitSettings, type Ticket } from '../../actors/tasks/key-limit.js'
import { limits } from '../../runtime/limits.js'

/* The limit of one call, over random histories in virtual time. */

interface Task {
  readonly index: number
  readonly key: number
  ticket?: Ticket<Task>
}

/** Runs tasks under a limit, and checks what each step may do. */
class World {
  readonly limit: KeyLimit<Task>
  readonly settings: LimitSettings
  readonly released: Task[] = []
  readonly running: Task[] = []
  /** Begun, between two attempts. */
  readonly resting: Task[] = []
  readonly starts = new Map<number, number[]>()
  readonly order = new Map<number, number[]>()
  nowMs = 0
  next = 0
  ended = 0
  again = 0

  constructor(settings: LimitSettings) {
    this.settings = settings
    this.limit = new KeyLimit(settings)
  }

  #take(): void {
    for (const task of this.limit.take()) {
      this.released.push(task)
      const order = this.order.get(task.key) ?? []
      if (!order.includes(task.index)) this.order.set(task.key, [...order, task.index])
    }
    const begun = [...this.released, ...this.running, ...this.resting]
    assert.ok(begun.length <= this.settings.concurrencyOfCall + this.again, 'more than the call may run')
    const waiting = this.next - this.ended - begun.length
    assert.equal(this.limit.held, waiting)
  }

  enter(key: number): void {
    const task: Task = { index: this.next++, key }
    task.ticket = this.limit.enter(task, key, this.nowMs)
    this.#take()
  }

  send(at: number): void {
    const [task] = this.released.splice(at % Math.max(1, this.released.length), 1)
    if (task?.ticket === undefined) return
    this.limit.sent(task.ticket, this.nowMs)
    this.running.push(task)
    const seen = this.starts.get(task.key) ?? []
    this.starts.set(task.key, [...seen, this.nowMs])
    this.#take()
  }

  end(at: number): void {
    const [task] = this.running.splice(at % Math.max(1, this.running.length), 1)
    if (task?.ticket === undefined) return
    this.ended++
    this.limit.ended(task.ticket, this.nowMs)
    this.#take()
  }

  /** It fails, and needs another attempt. Until then it counts as begun. */
  fail(at: number): void {
    const [task] = this.running.splice(at % Math.max(1, this.running.length), 1)
    if (task?.ticket === undefined) return
    this.limit.again(task.ticket, this.nowMs)
    this.again++
    this.#take()
    this.again--
  }

  advance(ms: number): void {
    this.nowMs += ms
    this.limit.due(this.nowMs)
    this.#take()
  }

  check(): void {
    const { intervalMs } = this.settings
    for (const [key, order] of this.order) {
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
        `key ${key} is served out of order`,
      )
    }
    if (intervalMs === 0) return
    for (const [key, starts] of this.starts) {
      for (let from = 0; from < starts.length; from++) {
        for (let to = from + 1; to < starts.length; to++) {
          const ms = (starts[to] as number) - (starts[from] as number)
          const most = Math.floor((ms + limits.limitCatchUpMs) / intervalMs + 1e-6) + 1
          assert.ok(to - from + 1 <= most, `key ${key}: ${to - from + 1} starts in ${ms} ms`)
        }
      }
    }
  }

  /** All that is left runs to its end, as fast as the limit lets it. */
  finish(): void {
    for (let round = 0; this.ended < this.next; round++) {
      assert.ok(round < 100_000, `${this.next - this.ended} tasks are stuck`)
      while (this.released.length > 0) this.send(0)
      while (this.running.length > 0) this.end(0)
      if (this.released.length > 0) continue
      const { nextMs } = this.limit
      if (this.ended < this.next) assert.ok(nextMs !== undefined, 'tasks wait for nothing')
      if (nextMs !== undefined) this.advance(Math.max(0, nextMs - this.nowMs))
    }
  }
}

const settings = fc.record({
  concurrency: fc.constantFrom(1, 2, 5, Number.POSITIVE_INFINITY),
  intervalMs: fc.constantFrom(0, 0.7, 3, 50, 1000),
  concurrencyOfCall: fc.constantFrom(1, 3, Number.POSITIVE_INFINITY),
})

test('a limit holds over random histories, serves a key in order, and forgets nobody', () => {
  fc.assert(
    fc.property(settings, fc.array(fc.tuple(fc.nat(99), fc.nat(999)), { maxLength: 300 }), (given, steps) => {
      const world = new World(given)
      for (const [action, value] of steps) {
        if (action < 40) world.enter(value % 5)
        else if (action < 60) world.send(value)
        else if (action < 75) world.end(value)
        else if (action < 80) world.fail(value)
        else world.advance(value / 10)
        const begun = new Map<number, number>()
        for (const { key } of [...world.released, ...world.running]) begun.set(key, (begun.get(key) ?? 0) + 1)
        for (const [key, count] of begun) assert.ok(count <= given.concurrency, `${count} of key ${key}`)
      }
      world.finish()
      world.check()
      world.advance(given.intervalMs + 1)
      assert.equal(world.limit.keys, 0, 'keys are remembered for nothing')
    }),
    { numRuns: 300, endOnFailure: true },
  )
})

test('attempts of a key are spaced evenly from the first on, and an idle key saves nothing up', () => {
  const world = new World({ concurrency: 9, intervalMs: 100, concurrencyOfCall: 99 })
  for (let count = 0; count < 5; count++) world.enter(1)
  world.finish()
  assert.deepEqual(world.starts.get(1), [0, 100, 200, 300, 400])
  world.advance(60_000)
  for (let count = 0; count < 3; count++) world.enter(1)
  world.finish()
  assert.deepEqual(world.starts.get(1)?.slice(5), [60_400, 60_500, 60_600])
})

test('a start that is late by milliseconds is made up for, so that high rates are reached', () => {
  const world = new World({ concurrency: 9999, intervalMs: 1, concurrencyOfCall: 9999 })
  for (let count = 0; count < 1000; count++) world.enter(1)
  // The loop comes by every 10 ms only.
  for (let turn = 0; turn < 100; turn++) {
    while (world.released.length > 0) world.send(0)
    world.advance(10)
  }
  assert.ok((world.starts.get(1)?.length ?? 0) > 950, `${world.starts.get(1)?.length} starts in a second`)
})

test('a key that has its share keeps no other back, and more keys than may be remembered only wait', () => {
  const world = new World({ concurrency: 1, intervalMs: 0, concurrencyOfCall: Number.POSITIVE_INFINITY })
  for (let count = 0; count < 100; count++) world.enter(1)
  world.enter(2)
  assert.deepEqual(
    world.released.map(({ index }) => index),
    [0, 100],
  )
  const limit = new KeyLimit<number>(world.settings)
  const tickets = Array.from({ length: limits.limitKeys + 50 }, (_, key) => limit.enter(key, key, 0))
  assert.equal(limit.keys, limits.limitKeys)
  assert.equal(limit.held, 50)
  assert.equal(limit.take().length, limits.limitKeys)
  for (const ticket of tickets.slice(0, 50)) {
    limit.sent(ticket, 1)
    limit.ended(ticket, 1)
  }
  assert.equal(limit.take().length, 50)
  assert.equal(limit.held, 0)
  assert.equal(limit.keys, limits.limitKeys)
})

test('a task that ends while it waits takes no turn and no place', () => {
  const limit = new KeyLimit<number>({ concurrency: 1, intervalMs: 0, concurrencyOfCall: 9 })
  const [first, second, third] = [1, 2, 3].map((task) => limit.enter(task, 'k', 0)) as Ticket<number>[]
  assert.deepEqual(limit.take(), [1])
  limit.ended(second as Ticket<number>, 0)
  assert.equal(limit.held, 1)
  limit.ended(first as Ticket<number>, 0)
  assert.deepEqual(limit.take(), [3])
  limit.ended(third as Ticket<number>, 0)
  assert.equal(limit.keys, 0)
})

test('a heap gives what is due, the earliest first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(50), (times, nowMs) => {
      const heap = new DueHeap<number>()
      for (const dueMs of times) heap.add(dueMs, dueMs)
      const taken: number[] = []
      for (let next = heap.take(nowMs); next !== undefined; next = heap.take(nowMs)) taken.push(next)
      assert.deepEqual(
        taken,
        times.filter((ms) => ms <= nowMs).toSorted((a, b) => a - b),
      )
      assert.equal(heap.size, times.length - taken.length)
    }),
  )
})
