import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outputWith } from '../simulation/mutants.js'
import { cases } from '../simulation/threads/cases.js'
import { explorePlan, exploreSeed } from '../simulation/threads/explore.js'
import { threadMutations } from '../simulation/threads/mutations.js'
import type { Plan } from '../simulation/threads/thread-history.js'

/** Each seed draws a plan, and what happens when. */
const SEEDS = 4000
/**
 * Places at which a history of a small plan departs from the first choice. With more histories of one
 * departure than this, a plan has some ten thousand of two. `npm run sim:threads -- --case NAME` plays them.
 */
const departuresOf = (plan: Plan): number => (explorePlan(plan, 1).histories > 120 ? 1 : 2)

Error.stackTraceLimit = 0

test('the threads of an executor keep every promise in histories at random', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { broken } = exploreSeed(seed)
    assert.equal(broken, undefined, broken && `seed ${seed}:\n${broken.log.slice(-100).join('\n')}`)
  }
})

for (const plan of cases) {
  test(`in every history that departs at one place, or two: ${plan.name}`, () => {
    const { broken, histories } = explorePlan(plan, departuresOf(plan))
    assert.equal(broken, undefined, broken?.log.slice(-100).join('\n'))
    assert.ok(histories > 100, `${histories} histories`)
  })
}

test('the same seed is the same history', () => {
  const [one, other] = [exploreSeed(7), exploreSeed(7)]
  assert.ok(one.actions > 10)
  assert.equal(one.actions, other.actions)
})

test('a body that comes as a message is lost only where its record is read before', async () => {
  const dropped = threadMutations.find(({ name }) => name === 'a record whose body is on its way is dropped')!
  const play = (departures: number) => {
    const args = ['--case', 'a small result and a large one', '--departures', String(departures), '--json']
    return outputWith(dropped, ['test/simulation/threads/main.js', ...args])
  }
  assert.match(await play(0), /^1 histories, /m)
  assert.match(await play(1), /^{"seed":0,"seeds":3,"invariant":"hang",/m)
})
