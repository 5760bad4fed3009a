import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scripts } from '../simulation/scripts.js'
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

for (const script of scripts) {
  test(`${script.name}: ${script.says}`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { violation, story } = await simulate({ seed, chaosMs: 0, script })
      assert.equal(violation, undefined, story.slice(-40).join('\n'))
    }
  })
}
