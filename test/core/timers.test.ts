import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs, jittered } from '../../runtime/backoff.js'
import { KeyedTimers } from '../../runtime/keyed-timers.js'
import { before, within } from '../../runtime/timers.js'
import { VirtualTime } from '../tools/virtual-time.js'

const late = (): Error => new Error('too late')

test('a back-off doubles from the first wait to the longest, however many failures there were', () => {
  const waits = [0, 1, 2, 3, 4, 2000].map((failures) => backoffMs(failures, 100, 1000))
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000])
})

test('jitter takes off at most half', () => {
  assert.deepEqual([jittered(100, 0), jittered(100, 0.5)], [50, 75])
})

test('a wait ends with its work, whatever came of it, and leaves no timer', async () => {
  const time = new VirtualTime()
  await within(Promise.resolve(), 100, time)
  await within(Promise.reject(new Error('of the work')), 100, time)
  assert.equal(await before(Promise.resolve('done'), 100, time, late), 'done')
  await assert.rejects(before(Promise.reject(new Error('of the work')), 100, time, late), /of the work/)
  await time.advanceSettling(0)
  assert.equal(time.pending, 0)
})

test('a wait ends at its deadline where the work does not', async () => {
  const time = new VirtualTime()
  const never = new Promise<never>(() => undefined)
  const ended: string[] = []
  void within(never, 100, time).then(() => ended.push('within'))
  void before(never, 150, time, late).catch((error: Error) => ended.push(error.message))
  await time.advanceSettling(99)
  assert.deepEqual(ended, [])
  await time.advanceSettling(1)
  assert.deepEqual(ended, ['within'])
  await time.advanceSettling(50)
  assert.deepEqual(ended, ['within', 'too late'])
})

test('a timer takes the place of the one with its key, and cancelled timers never fire', async () => {
  const time = new VirtualTime()
  const timers = new KeyedTimers<string>(time)
  const fired: string[] = []
  const start = (key: string, ms: number, text: string): void => timers.start(key, ms, () => fired.push(text))
  start('a', 10, 'the former a')
  start('a', 20, 'a')
  start('b', 10, 'b')
  start('c', 10, 'c')
  timers.cancel('b')
  await time.advance(20)
  assert.deepEqual(fired, ['c', 'a'])
  start('d', 10, 'd')
  timers.clear()
  await time.advance(20)
  assert.deepEqual(fired, ['c', 'a'])
  assert.equal(time.pending, 0)
})
