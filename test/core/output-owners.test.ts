import assert from 'node:assert/strict'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { OutputOwners } from '../../runtime/launch/node/output-owners.js'

/* What a Worker remembers of whose an output is. */

function world() {
  const asked: string[] = []
  const answers = new Map<string, boolean | Error>()
  const clock = { nowMs: 0 }
  const owners = new OutputOwners({
    ask: async (subject, id) => {
      asked.push(`${subject} ${id}`)
      const answer = answers.get(`${subject} ${id}`) ?? false
      if (answer instanceof Error) throw answer
      return answer
    },
    wallMs: () => clock.nowMs,
  })
  return { asked, answers, clock, owners }
}

test('the leader is asked once in a minute for each token and output, however many ask at once', async () => {
  const { asked, answers, clock, owners } = world()
  answers.set('ci driver-1', true)
  const both = await Promise.all([owners.owns('ci', 'driver-1'), owners.owns('ci', 'driver-1')])
  assert.deepEqual([both, asked.length], [[true, true], 1])
  assert.equal(await owners.owns('other', 'driver-1'), false)
  clock.nowMs += innerLimits.logGrantMs - 1
  assert.equal(await owners.owns('ci', 'driver-1'), true)
  assert.deepEqual(asked, ['ci driver-1', 'other driver-1'])
  clock.nowMs += 1
  answers.set('ci driver-1', false)
  assert.equal(await owners.owns('ci', 'driver-1'), false)
})

test('what the leader has not allowed, and what it has not answered, is asked for again', async () => {
  const { asked, answers, owners } = world()
  assert.equal(await owners.owns('ci', 'driver-1'), false)
  answers.set('ci driver-1', new Error('no leader'))
  await assert.rejects(owners.owns('ci', 'driver-1'), /no leader/)
  answers.set('ci driver-1', true)
  assert.equal(await owners.owns('ci', 'driver-1'), true)
  assert.equal(asked.length, 3)
})

test('it remembers a bounded number, the newest', async () => {
  const { asked, answers, owners } = world()
  const ids = Array.from({ length: innerLimits.outputOwners + 1 }, (_, n) => `driver-${n}`)
  for (const id of ids) {
    answers.set(`ci ${id}`, true)
    await owners.owns('ci', id)
  }
  const before = asked.length
  await owners.owns('ci', ids.at(-1) ?? '')
  assert.equal(asked.length, before)
  await owners.owns('ci', 'driver-0')
  assert.equal(asked.length, before + 1)
})
