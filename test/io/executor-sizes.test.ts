import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import { each } from '../../actors/tasks/each.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { limits } from '../../runtime/limits.js'
import { startDriver } from '../tools/tasks-fixture.js'

/*
 * Inputs, results and errors around every threshold, through a real executor: each call ends, with what is
 * its own.
 */

type Sample = typeof import('./tasks-sample.js')
const MAX_BYTES = 300_000
const driver = await startDriver({ maxInputBytes: MAX_BYTES, maxResultBytes: MAX_BYTES })
await driver.start({ cores: 2 })
after(() => driver[Symbol.asyncDispose]())
const sample: TaskFunctions<Sample> = tasksOf<Sample>(
  driver.pool,
  new URL('./tasks-sample.js', import.meta.url),
  { retries: 0 },
)

/** What V8 writes around the bytes of one typed array is less than this. */
const FRAMING = 64
const around = (bytes: number): number[] =>
  [-FRAMING, -20, -8, -1, 0, 1, 8, 20, FRAMING].map((by) => bytes + by)
const sizes = [
  ...[0, 1],
  ...around(INLINE_BYTES),
  ...around(limits.payloadChunkBytes),
  ...around(2 * limits.payloadChunkBytes),
  ...around(MAX_BYTES),
]
const mixed = Array.from({ length: 4 }, (_, round) => sizes.slice(round).concat(sizes.slice(0, round))).flat()

/** Of those that are over the limit, and of no others. */
const isOver = (size: number): boolean => size > MAX_BYTES - FRAMING
const isSurelyOver = (size: number): boolean => size >= MAX_BYTES

test('results', async () => {
  const ended: number[] = []
  for await (const { input, value, error } of each(driver.pool, sample.bytes, mixed, {})) {
    ended.push(input)
    if (error) assert.ok(isOver(input) && /RESULT_TOO_LARGE/.test(String((error as { code?: string }).code)))
    else assert.ok(value?.length === input && !isSurelyOver(input), `${input} bytes`)
  }
  assert.equal(ended.length, mixed.length)
})

test('inputs', async () => {
  let ended = 0
  const inputs = mixed.map((size) => new Uint8Array(size).fill(size & 0xff))
  for await (const { input, value, error } of each(driver.pool, sample.lengthOf, inputs, {})) {
    ended++
    if (error)
      assert.ok(isOver(input.length) && /INPUT_TOO_LARGE/.test(String((error as { code?: string }).code)))
    else assert.ok(value === input.length && !isSurelyOver(input.length), `${input.length} bytes`)
  }
  assert.equal(ended, inputs.length)
})

test('errors', async () => {
  let ended = 0
  for await (const { error } of each(driver.pool, sample.failsWith, mixed, {})) {
    ended++
    assert.equal((error as { code?: string } | undefined)?.code, 'FIRESTEEL_TASK_FAILED')
  }
  assert.equal(ended, mixed.length)
})
