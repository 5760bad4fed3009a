import assert from 'node:assert/strict'
import { test } from 'node:test'
import { regressions } from '../simulation/regressions.js'
import { simulate } from '../simulation/simulation.js'

test('the same seed is the same history, message by message', async () => {
  const options = { seed: 7, chaosMs: 10_000, tellsMessages: true }
  const [one, other] = [await simulate(options), await simulate(options)]
  assert.ok(one.events > 1000)
  assert.deepEqual(one.story, other.story)
})

test('another seed is another history', async () => {
  const [one, other] = [
    await simulate({ seed: 1, chaosMs: 2000 }),
    await simulate({ seed: 2, chaosMs: 2000 }),
  ]
  assert.notDeepEqual(one.story, other.story)
})

for (const { what, ...options } of regressions) {
  test(`found once, never again: ${what}`, async () => {
    const { violation, story } = await simulate(options)
    assert.equal(violation, undefined, story.slice(-40).join('\n'))
  })
}
