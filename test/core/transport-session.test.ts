import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import { descriptorBudget } from '../../runtime/process/descriptor-budget.js'
import { readDescriptorLimit, withinDescriptors } from '../../runtime/process/descriptors.js'
import { Heartbeat } from '../../runtime/transport/heartbeat.js'
import type { Role } from '../../runtime/transport/identity.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { LinkTable, type TableLink } from '../../runtime/transport/link-table.js'
import { OpenHandshakes } from '../../runtime/transport/open-handshakes.js'
import { OpenLinks } from '../../runtime/transport/open-links.js'
import { RedialBackoff } from '../../runtime/transport/redial-backoff.js'

const watch = (): Heartbeat => new Heartbeat({ heartbeatMs: 1000, deadMs: 5000 }, 0)

test('a silent peer is suspect at deadMs and not a heartbeat before', () => {
  const heartbeat = watch()
  const suspectAt = [1, 2, 3, 4, 5, 6].find((second) => heartbeat.tick(second * 1000))
  assert.equal(suspectAt, 5)
  assert.ok(heartbeat.isDead())
})

test('what arrives before a link is declared dead saves the peer', () => {
  const heartbeat = watch()
  for (let second = 1; second <= 5; second++) heartbeat.tick(second * 1000)
  heartbeat.observed(5001)
  assert.equal(heartbeat.isDead(), false)
  assert.equal(heartbeat.lastReceivedMs, 5001)
})

test("the watcher's own stall does not count", () => {
  const heartbeat = watch()
  heartbeat.tick(1000)
  assert.equal(heartbeat.tick(61_000), false, 'a minute of its own sleep')
  assert.equal(heartbeat.tick(62_000), false)
  assert.equal(heartbeat.tick(63_000), true, 'but silence while awake does')
})

test('a peer heard at least every deadMs - 2 heartbeats is never suspect', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2999 }), { maxLength: 50 }), (gaps) => {
      const heartbeat = watch()
      let now = 0
      for (const gap of gaps) {
        for (let tick = now + 700; tick < now + gap; tick += 700) assert.equal(heartbeat.tick(tick), false)
        now += gap
        heartbeat.observed(now)
      }
    }),
  )
})

test('deadMs can be raised toward a driver', () => {
  const heartbeat = watch()
  heartbeat.setDeadMs(60_000)
  for (let second = 1; second < 60; second++) assert.equal(heartbeat.tick(second * 1000), false)
  assert.equal(heartbeat.tick(60_000), true)
})

test('back-off doubles from the first to the longest wait, jittered down to half', () => {
  const longest = new RedialBackoff(() => 0.999999)
  const waits = Array.from({ length: 6 }, () => Math.round(longest.failed('unreachable')))
  assert.deepEqual(waits, [20, 40, 80, 160, 250, 250])
  const shortest = new RedialBackoff(() => 0)
  assert.equal(shortest.failed('unreachable'), 10)
  for (let n = 0; n < 2000; n++) assert.ok(shortest.failed('unreachable') <= limits.reconnectMaxMs)
})

test('who is refused backs off to 5 s', () => {
  const backoff = new RedialBackoff(() => 0.999999)
  const waits = Array.from({ length: 6 }, () => Math.round(backoff.failed('refused')))
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000])
})

test('a link that held starts the back-off anew, one that broke at once does not', () => {
  const backoff = new RedialBackoff(() => 0.999999)
  for (let n = 0; n < 5; n++) backoff.failed('unreachable')
  backoff.linked(1000)
  assert.equal(Math.round(backoff.lost(1001, 'unreachable')), 250)
  backoff.linked(2000)
  assert.equal(Math.round(backoff.lost(3000, 'unreachable')), 20)
})

test('a peer that ends every link at once for 10 s is dialled as one that refuses, until one holds or none comes', () => {
  const backoff = new RedialBackoff(() => 0.999999)
  let nowMs = 0
  const brief = () => {
    backoff.linked(nowMs)
    const waitMs = Math.round(backoff.lost(nowMs + 1, 'unreachable'))
    nowMs += 1 + waitMs
    return waitMs
  }
  while (nowMs < limits.reconnectEndedMs) assert.ok(brief() <= limits.reconnectMaxMs)
  assert.equal(brief(), limits.reconnectRefusedMaxMs)
  backoff.linked(nowMs)
  assert.equal(Math.round(backoff.lost(nowMs + 1000, 'unreachable')), limits.reconnectFirstMs)
  assert.ok(brief() <= limits.reconnectMaxMs)
  nowMs += limits.reconnectEndedMs
  assert.ok(brief() > limits.reconnectMaxMs)
  backoff.failed('unreachable')
  assert.ok(brief() <= limits.reconnectMaxMs, 'it was away meanwhile')
})

test('a replaced link waits long although it held', () => {
  const backoff = new RedialBackoff(() => 0.999999)
  backoff.linked(0)
  assert.equal(Math.round(backoff.lost(60_000, 'refused')), 250)
})

class FakeLink implements TableLink {
  readonly peer: TableLink['peer']
  end: LinkEnd | undefined
  readonly #listeners: ((end: LinkEnd) => void)[] = []

  constructor(incarnation: string, role = 'node', subject?: string) {
    this.peer = { incarnation, role, ...(subject === undefined ? {} : { subject }) }
  }
  get isOpen(): boolean {
    return this.end === undefined
  }
  close(detail = ''): void {
    this.#finish({ kind: 'local', detail })
  }
  replace(detail: string): void {
    this.#finish({ kind: 'replaced', detail })
  }
  whenEnded(listener: (end: LinkEnd) => void): void {
    this.#listeners.push(listener)
  }
  #finish(end: LinkEnd): void {
    this.end = end
    for (const listener of this.#listeners) listener(end)
  }
}

test('a new link takes the place of the old one and its late end does not remove the new', () => {
  const table = new LinkTable<FakeLink>()
  const [first, second] = [new FakeLink('worker-1'), new FakeLink('worker-1')]
  assert.ok(table.add(first))
  assert.ok(table.add(first), 'twice is once')
  assert.ok(table.add(second))
  assert.equal(first.end?.kind, 'replaced')
  assert.equal(table.get('worker-1'), second)
  assert.equal(table.size, 1)
  second.close()
  assert.equal(table.get('worker-1'), undefined)
  assert.equal(table.size, 0)
})

test('a link of another role or subject cannot push one out', () => {
  const table = new LinkTable<FakeLink>()
  const worker = new FakeLink('worker-1')
  table.add(worker)
  for (const thief of [
    new FakeLink('worker-1', 'client'),
    new FakeLink('worker-1', 'application', 'app-1'),
  ]) {
    assert.equal(table.add(thief), false)
    assert.equal(thief.end?.kind, 'local')
  }
  assert.ok(worker.isOpen)
  const ended = new FakeLink('worker-2')
  ended.close()
  assert.equal(table.add(ended), false)
  table.add(new FakeLink('master-1'))
  assert.deepEqual([...table].map((link) => link.peer.incarnation).sort(), ['master-1', 'worker-1'])
  table.closeAll('end of test')
  assert.equal(table.size, 0)
  assert.equal(worker.end?.detail, 'end of test')
})

test('nobody of a lower role keeps a node out by taking its incarnation first', () => {
  const roles = ['client', 'worker', 'node'] as const
  for (const [at, low] of roles.entries())
    for (const [than, high] of roles.entries()) {
      const table = new LinkTable<FakeLink>()
      const [first, second] = [new FakeLink('w-1', low, 'a'), new FakeLink('w-1', high, 'b')]
      assert.ok(table.add(first))
      assert.equal(table.add(second), than > at, `${high} after ${low}`)
      assert.equal(first.end?.kind, than > at ? 'replaced' : undefined)
      assert.equal(table.get('w-1'), than > at ? second : first)
      assert.equal(table.size, 1)
    }
})

test('over the bound of an address its oldest open handshake goes, once it has had its time', () => {
  const open = new OpenHandshakes<string>({ perHost: 2, graceMs: 100 })
  assert.deepEqual(open.enter('a1', 'a', 0), [])
  assert.deepEqual(open.enter('a2', 'a', 50), [])
  assert.deepEqual(open.enter('b1', 'b', 50), [], 'another address has a bound of its own')
  assert.deepEqual(open.enter('a3', 'a', 99), [], 'a burst is not its own enemy')
  assert.deepEqual(open.enter('a4', 'a', 100), ['a1'])
  assert.deepEqual(open.enter('a5', 'a', 300), ['a2', 'a3'])
  open.leave('a5')
  open.leave('nobody')
  assert.deepEqual([...open], ['b1', 'a4'])
})

test('who has said hello goes after those that have said nothing', () => {
  const open = new OpenHandshakes<string>({ perHost: 2, graceMs: 0 })
  open.enter('a1', 'a', 0)
  open.spoke('a1')
  open.spoke('nobody')
  assert.deepEqual(open.enter('a2', 'a', 1), [])
  assert.deepEqual(open.enter('a3', 'a', 2), ['a2'])
  open.spoke('a3')
  assert.deepEqual(open.enter('a4', 'a', 2), ['a1'], 'never who comes')
  assert.deepEqual([...open], ['a3', 'a4'])
})

test('who is refused counts until it is closed, and goes before all others', () => {
  const open = new OpenHandshakes<string>({ perHost: 3, graceMs: 0 })
  for (const [n, name] of ['a1', 'a2', 'a3'].entries()) assert.deepEqual(open.enter(name, 'a', n), [])
  open.spoke('a2')
  open.refused('a2')
  open.refused('nobody')
  assert.deepEqual(open.enter('a4', 'a', 4), ['a2'])
  open.refused('a4')
  open.leave('a4')
  assert.deepEqual(open.enter('a5', 'a', 5), [], 'a closed one does not count')
  assert.deepEqual(open.enter('a6', 'a', 6), ['a1'])
})

test('over the bound of all the oldest of the address that holds the most goes at once', () => {
  const open = new OpenHandshakes<string>({ perHost: 100, most: 4, graceMs: 100 })
  for (const [n, name] of ['x1', 'y1', 'y2', 'x2', 'y3'].entries()) {
    assert.deepEqual(open.enter(name, name.slice(0, 1), n), n === 4 ? ['x1'] : [])
  }
  assert.deepEqual(open.enter('z1', 'z', 5), ['y1'])
  for (let n = 0; n < 10_000; n++) open.enter(`flood-${n}`, `${n % 300}`, 6)
  assert.equal([...open].length, 4)
})

test('links are counted by role, and none is let in over its bound', () => {
  const links = new OpenLinks(descriptorBudget(12))
  const enter = (role: Role): (() => void) | undefined => {
    let closed: (() => void) | undefined
    const connection = {
      once: (_: 'close', listener: () => void) => {
        closed = listener
      },
    }
    return links.enter(role, connection) ? () => closed?.() : undefined
  }
  const end = enter('client')
  assert.ok(end && enter('driver') && enter('application'))
  assert.equal(enter('client'), undefined, 'a fourth of twelve descriptors')
  assert.ok(enter('node'), 'nodes are counted apart')
  end()
  assert.ok(enter('client'))
})

test('the files a process may open are read where the system tells', () => {
  const text =
    'Max processes 5 5 processes\nMax open files            1024                 4096                 files\n'
  assert.equal(
    readDescriptorLimit(() => text),
    1024,
  )
  assert.equal(
    readDescriptorLimit(() => 'nothing'),
    undefined,
  )
  const absent = (): string => {
    throw new Error('ENOENT')
  }
  assert.equal(readDescriptorLimit(absent), undefined)
  assert.equal(withinDescriptors(10, 1, undefined), 10)
})
