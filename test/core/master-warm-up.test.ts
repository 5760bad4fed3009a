import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordViolations } from '../../actors/master/records.js'
import { warmUp } from '../../actors/master/warm-up.js'
import { masterConfig } from '../tools/master-fixture.js'

test('a warm-up goes through, and checks records that are good ones', async (t) => {
  const seen = new Set<string>()
  for (const table of ['worker', 'app', 'driver', 'ended', 'key'] as const) {
    const check = recordViolations[table]
    t.mock.method(recordViolations, table, (value: unknown) => {
      const reason = check(value)
      seen.add(`${table}: ${reason ?? 'good'}`)
      return reason
    })
  }
  await warmUp(masterConfig, () => true)
  assert.deepEqual([...seen], ['worker: good', 'app: good', 'driver: good', 'ended: good', 'key: good'])
})

test('a warm-up ends when it is not needed any more', async () => {
  let asked = 0
  await warmUp(masterConfig, () => ++asked < 3)
  assert.equal(asked, 3)
})
