import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { openAgain } from '../../runtime/launch/node/former-port.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* A port that somebody has got while a Worker restarted. */

const taken = new FiresteelError('PORT_IN_USE', 'The port 127.0.0.1:7078 is taken.')

/** Opens it within so long; it is taken for `takenMs`. What it came to. */
async function opened(takenMs: number, error: Error = taken, mostMs = innerLimits.formerPortMs) {
  const time = new VirtualTime()
  let tries = 0
  let complaints = 0
  let end: unknown
  openAgain(
    async () => {
      tries++
      if (time.monotonicMs() < takenMs) throw error
      return 'open'
    },
    { leftMs: () => mostMs - time.monotonicMs(), onTaken: () => complaints++, timers: time },
  ).then(
    (result) => (end = result),
    (reason: unknown) => (end = reason),
  )
  while (end === undefined) {
    await new Promise(setImmediate)
    time.advance(innerLimits.formerPortLookMs)
  }
  return { end, tries, complaints }
}

test('it is free, or becomes free in time: it is opened, and the wait is told once', async () => {
  assert.deepEqual(await opened(0), { end: 'open', tries: 1, complaints: 0 })
  assert.deepEqual(await opened(3 * innerLimits.formerPortLookMs), { end: 'open', tries: 4, complaints: 1 })
  assert.equal((await opened(innerLimits.formerPortMs)).end, 'open')
})

test('it stays taken, or it is another error: that error', async () => {
  assert.equal((await opened(innerLimits.formerPortMs + 1)).end, taken)
  const foreign = new FiresteelError('LISTEN_FAILED', '10.9.9.9 is no address of this machine.')
  assert.deepEqual(await opened(1000, foreign), { end: foreign, tries: 1, complaints: 0 })
})

test('the time is over: it is tried once, and nobody waits', async () => {
  assert.deepEqual(await opened(1000, taken, 0), { end: taken, tries: 1, complaints: 0 })
  assert.deepEqual(await opened(0, taken, 0), { end: 'open', tries: 1, complaints: 0 })
})
