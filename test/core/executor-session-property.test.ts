import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SessionWorld } from './executor-session-world.js'

test('S7: an attempt begins once, and its result is kept and named until it is confirmed, whatever comes again or late', async () => {
  const sum = { again: 0, older: 0, links: 0, results: 0, returned: 0 }
  const actions = fc.array(fc.nat(99), { minLength: 50, maxLength: 300 })
  await fc.assert(
    fc.asyncProperty(fc.nat(), actions, async (seed, chosen) => {
      const world = new SessionWorld(seed)
      for (const action of chosen) await world.step(action)
      await world.heal()
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += world.counts[name]
    }),
    { numRuns: 400 },
  )
  for (const [name, count] of Object.entries(sum)) assert.ok(count > 60, `too tame: ${name} ${count} times`)
})
