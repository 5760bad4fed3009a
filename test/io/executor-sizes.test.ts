import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import { each } from '../../actors/tasks/each.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { startDriver } from '../tools/tasks-fixture.js'
import { contentOf, digestOf, isSame, readMessageOf, type Sized } from './sized-content.js'

/*
 * Inputs, results and errors around every threshold, through a real executor: each call ends, with what is
 * its own.
 */

type Sample = typeof import('./tasks-sample.js')
const url = new URL('./tasks-sample.js', import.meta.url)
const MAX_BYTES = 300_000

/** What V8 writes around the bytes of one typed array is less than this. */
const FRAMING = 64
const around = (bytes: number): number[] =>
  [-FRAMING, -20, -8, -1, 0, 1, 8, 20, FRAMING].map((by) => bytes + by)
const sizes = [
  ...[0, 1, 100, 1000],
  ...around(INLINE_BYTES),
  ...around(limits.payloadChunkBytes),
  ...around(2 * limits.payloadChunkBytes),
  ...around(MAX_BYTES),
]
/** Of each size some beside each other, each with a content of its own: a swap changes no length. */
const mixed: readonly Sized[] = sizes
  .flatMap((length) => Array<number>(5).fill(length))
  .map((length, seed) => ({ length, seed }))
assert.ok(mixed.length <= 256, 'two contents would be the same')

/** Of those that are over the limit, and of no others. */
const isOver = (length: number): boolean => length > MAX_BYTES - FRAMING
const isSurelyOver = (length: number): boolean => length >= MAX_BYTES

/** With many in a thread, results leave together, and may be taken for each other. */
for (const tasksPerCore of [1, 16]) {
  const driver = await startDriver({ maxInputBytes: MAX_BYTES, maxResultBytes: MAX_BYTES }, tasksPerCore)
  after(() => driver[Symbol.asyncDispose]())
  await driver.start({ cores: 2 })
  const sample: TaskFunctions<Sample> = tasksOf<Sample>(driver.pool, url, { retries: 0 })
  const among = `, ${tasksPerCore} at a time on a core`

  for (const name of ['bytes', 'bytesLater'] as const) {
    test(`results of ${name}${among}`, async () => {
      let ended = 0
      for await (const { input, value, error } of each(driver.pool, sample[name], mixed, {})) {
        ended++
        const { length, seed } = input
        const what = `${length} bytes of task ${seed}`
        if (error)
          assert.ok(isOver(length) && isFiresteelError(error, 'RESULT_TOO_LARGE'), `${what}: ${error}`)
        else assert.ok(!isSurelyOver(length) && isSame(value, contentOf(input)), what)
      }
      assert.equal(ended, mixed.length)
    })
  }

  test(`inputs${among}`, async () => {
    let ended = 0
    const inputs = mixed.map(contentOf)
    for await (const { index, input, value, error } of each(driver.pool, sample.digest, inputs, {})) {
      ended++
      const { length } = input
      const what = `${length} bytes of task ${index}`
      if (error) assert.ok(isOver(length) && isFiresteelError(error, 'INPUT_TOO_LARGE'), `${what}: ${error}`)
      else assert.ok(!isSurelyOver(length) && value === digestOf(input), what)
    }
    assert.equal(ended, inputs.length)
  })

  test(`errors${among}`, async () => {
    let ended = 0
    for await (const { input, error } of each(driver.pool, sample.failsWith, mixed, {})) {
      ended++
      assert.ok(isFiresteelError(error, 'TASK_FAILED'), String(error))
      assert.equal((error.cause as Error).message, readMessageOf(input))
    }
    assert.equal(ended, mixed.length)
  })
}
