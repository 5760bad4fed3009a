import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionSlots } from '../../runtime/http/connection-slots.js'
import { pageAgeMs } from '../../runtime/http/json-page.js'
import { limits } from '../../runtime/limits.js'
import { Pace } from '../../runtime/pace.js'

interface Guest {
  readonly name: string
  busy: boolean
}

/** Each address takes slots. Returns which guest was evicted, or why one was not admitted. */
function house(most: number, mostPerAddress: number) {
  const seats = new ConnectionSlots<Guest>({ most, mostPerAddress }, ({ busy }) => !busy)
  const guests = new Map<string, Guest>()
  return {
    seats,
    guests,
    enter(address: string, name: string): string {
      const guest = { name, busy: false }
      const seating = seats.enter(address, () => guest)
      if (!seating.admitted) return `full: ${seating.full}`
      guests.set(name, guest)
      return seating.evicted ? `instead of ${seating.evicted.name}` : 'seated'
    },
  }
}

test('an address that has all it may have: its oldest idle one goes; where all are busy, nobody', () => {
  const { enter, guests, seats } = house(10, 2)
  assert.equal(enter('a', '1'), 'seated')
  assert.equal(enter('a', '2'), 'seated')
  guests.get('1')!.busy = true
  assert.equal(enter('a', '3'), 'instead of 2')
  guests.get('3')!.busy = true
  assert.equal(enter('a', '4'), 'full: address')
  assert.equal(enter('b', '5'), 'seated', 'others are not touched')
  assert.equal(seats.count, 3)
})

test('a full house: the oldest idle one of the greediest address goes', () => {
  const { enter, guests } = house(4, 3)
  for (const [address, name] of [
    ['b', 'old'],
    ['a', '1'],
    ['a', '2'],
    ['a', '3'],
  ] as const) {
    assert.equal(enter(address, name), 'seated')
  }
  guests.get('1')!.busy = true
  assert.equal(enter('c', '4'), 'instead of 2')
  for (const name of ['3', 'old', '4']) guests.get(name)!.busy = true
  assert.equal(enter('d', '5'), 'full: all')
})

test('many addresses with one silent connection each do not keep a newcomer out', () => {
  const { enter, seats } = house(8, 2)
  for (let n = 0; n < 100; n++) enter(`evil-${n}`, String(n))
  assert.equal(seats.count, 8)
  assert.equal(enter('friend', 'friend'), 'instead of 92')
})

test('a pace lets a second of it through at once, then so much a second, debts included', () => {
  let now = 0
  const pace = new Pace(10, now)
  let passed = 0
  const run = (untilMs: number): void => {
    for (; now < untilMs; now++) {
      while (pace.waitMs(now) === 0) {
        pace.take(1, now)
        passed++
      }
    }
  }
  run(1)
  assert.equal(passed, 10)
  run(3001)
  assert.ok(passed >= 39 && passed <= 41, String(passed))
  pace.take(20, now)
  assert.ok(pace.waitMs(now) >= 1900 && pace.waitMs(now) <= 2101, String(pace.waitMs(now)))
  assert.ok(!pace.isFull(now + 2500))
  assert.ok(pace.isFull(now + 5000))
})

test('a page that is dear to make is made seldom, but is never older than the bound', () => {
  assert.equal(pageAgeMs(0), 0)
  assert.equal(pageAgeMs(10), 10 * limits.httpPageShare)
  assert.equal(pageAgeMs(10_000), limits.httpPageMaxAgeMs)
})
