import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LockQuorum, QuorumLock } from '../../actors/election/quorum-lock.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* The course of the lock, over servers that answer when the test says so; over real ones: redis-lock. */

const leaseMs = 2000
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Three servers as one; `take` settles when told, and each server answers at once or never. */
class Quorum implements LockQuorum {
  readonly released: string[] = []
  remaining: readonly (number | 'down' | 'silent')[] = [0, 0, 0]
  give = (): void => {}
  refuse = (): void => {}

  remainingMs(): Promise<number>[] {
    return this.remaining.map((answer) => {
      if (answer === 'silent') return new Promise(() => {})
      return answer === 'down' ? Promise.reject(new Error('down')) : Promise.resolve(answer)
    })
  }

  take(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.give = resolve
      this.refuse = () => reject(new Error('no majority'))
    })
  }

  async release(value: string): Promise<void> {
    this.released.push(value)
  }
}

function begin() {
  const quorum = new Quorum()
  const time = new VirtualTime()
  let values = 0
  const lock = new QuorumLock({ quorum, leaseMs, timers: time, newValue: () => `value-${++values}` })
  const advance = async (ms: number): Promise<void> => {
    await turn()
    time.advance(ms)
    await turn()
  }
  return { quorum, lock, advance }
}

const unavailable = (error: unknown): boolean => isFiresteelError(error, 'STORE_UNAVAILABLE')

test('a majority gives it: however late within its time, and nothing is given back', async () => {
  const { quorum, lock, advance } = begin()
  quorum.remaining = ['silent', 'silent', 0]
  const acquired = lock.acquire()
  await advance(leaseMs / 4 - 1)
  quorum.give()
  assert.equal(await acquired, 'value-1')
  assert.deepEqual(quorum.released, [])
})

test('refused: another has it, if a majority answers; else nobody knows', async () => {
  const { quorum, lock, advance } = begin()
  quorum.remaining = [1500, 1500, 'down']
  const acquired = lock.acquire()
  quorum.refuse()
  assert.equal(await acquired, undefined)
  quorum.remaining = [1500, 'down', 'down']
  const unknown = lock.acquire()
  quorum.refuse()
  await assert.rejects(unknown, unavailable)
  const extended = lock.extend('mine')
  quorum.refuse()
  await assert.rejects(extended, unavailable)
  await advance(0)
  assert.deepEqual(
    quorum.released,
    ['value-1', 'value-2'],
    'what a minority may have given; an extension stays',
  )
})

test('undecided though a majority has answered: it is given back, and again where it is given late', async () => {
  const { quorum, lock, advance } = begin()
  quorum.remaining = [1900, 1900, 'silent']
  const acquired = lock.acquire()
  // For the answer to `take`, for the third server, and for what came with the others.
  for (const ms of [20, 20, 1]) await advance(ms)
  assert.equal(await acquired, undefined)
  assert.deepEqual(quorum.released, ['value-1'])
  quorum.give()
  await advance(0)
  assert.deepEqual(quorum.released, ['value-1', 'value-1'])
})

test('what comes with the answers that say "undecided" decides', async () => {
  const { quorum, lock, advance } = begin()
  const acquired = lock.acquire()
  await advance(20)
  // A few promises later than the other answers of the same packet.
  quorum.give()
  await advance(1)
  assert.equal(await acquired, 'value-1')
  assert.deepEqual(quorum.released, [])
})

test('nobody answers: it ends after a quarter of the lease', async () => {
  const { quorum, lock, advance } = begin()
  quorum.remaining = ['silent', 'silent', 0]
  const acquired = lock.acquire()
  acquired.catch(() => {})
  await advance(leaseMs / 4)
  await assert.rejects(acquired, unavailable)
  assert.deepEqual(quorum.released, ['value-1'])
})
