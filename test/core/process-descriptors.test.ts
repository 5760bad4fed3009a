import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FiresteelError } from '../../runtime/errors.js'
import {
  descriptorLimit,
  isDescriptorShortage,
  type Patience,
  patiently,
  withinDescriptors,
} from '../../runtime/process/descriptors.js'

const system = (code: string): Error => Object.assign(new Error(code), { code })
const wrapped = (code: string): Error =>
  new FiresteelError('SPAWN_FAILED', 'it could not be started', { cause: system(code) })

test('a shortage is known through what wraps it', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    assert.ok(isDescriptorShortage(system(code)))
    assert.ok(isDescriptorShortage(wrapped(code)))
  }
  for (const other of [system('ENOENT'), wrapped('EACCES'), new Error('EMFILE'), undefined, 'EMFILE']) {
    assert.ok(!isDescriptorShortage(other))
  }
})

test('what this process may have, and shares of it', () => {
  const limit = descriptorLimit()
  assert.ok(limit !== undefined && limit >= 64)
  assert.equal(withinDescriptors(10, 1), 10)
  assert.equal(withinDescriptors(Number.MAX_SAFE_INTEGER, 0.5), Math.floor(limit / 2))
  assert.equal(withinDescriptors(10, 0), 1)
})

/** Fails so often, then succeeds; gives the waits. */
async function trial(failures: readonly Error[], more: Partial<Patience> = {}) {
  const waits: number[] = []
  const left = [...failures]
  const outcome = await patiently(
    () => {
      const error = left.shift()
      return error === undefined ? Promise.resolve('started') : Promise.reject(error)
    },
    {
      ...{ firstMs: 50, maxMs: 400, totalMs: Number.POSITIVE_INFINITY, onWait: (ms) => void waits.push(ms) },
      ...{ wait: () => Promise.resolve(), ...more },
    },
  ).catch((error: Error & { code: string }) => error.code)
  return { outcome, waits }
}

test('a start waits for descriptors, longer each time; any other failure is told at once', async () => {
  assert.deepEqual(await trial(Array<Error>(6).fill(wrapped('EMFILE'))), {
    outcome: 'started',
    waits: [50, 100, 200, 400, 400, 400],
  })
  assert.deepEqual(await trial([system('EMFILE'), system('ENOENT')]), { outcome: 'ENOENT', waits: [50] })
})

test('it gives up when its patience is over, and when nobody wants it any more', async () => {
  const always = Array<Error>(100).fill(system('ENFILE'))
  assert.deepEqual(await trial(always, { totalMs: 300 }), { outcome: 'ENFILE', waits: [50, 100, 200] })
  let looks = 0
  const stopped = await trial(always, { isStopped: () => ++looks > 3 })
  assert.deepEqual(stopped, { outcome: 'ENFILE', waits: [50, 100] })
})
