import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits as realLimits } from '../../runtime/limits.js'
import type { Sink } from '../../runtime/system/envelope.js'
import { QuestionBudget } from '../../runtime/system/question-budget.js'

const limits = {
  openQuestions: 50,
  openQuestionBytes: 10_000,
  openQuestionBytesEach: 100,
  openQuestionBytesSure: 300,
}

const link = (name: string, isNode = false): Sink => ({ path: name, isNode, send: () => true })

/** How many questions of these bytes the link has taken when one is refused. */
function fill(budget: QuestionBudget, sink: Sink, bytes = 100, from = 0): number {
  let count = 0
  while (budget.take(sink, from + count, bytes)) count++
  return count
}

test('one link has half of the bytes at most, or its number of questions', () => {
  assert.equal(fill(new QuestionBudget(limits), link('a')), 50)
  assert.equal(fill(new QuestionBudget(limits), link('a'), 1000), 5)
})

test("the more links ask, the less each may have, and the sure part is everybody's", () => {
  const budget = new QuestionBudget(limits)
  const counts = Array.from({ length: 20 }, (_, n) => fill(budget, link(`link ${n}`), 200, n * 100))
  assert.deepEqual(counts, [25, 13, 6, 3, 2, ...new Array(15).fill(1)])
  assert.equal(fill(budget, link('large'), 301, 10_000), 0)
})

test('nodes have a budget of their own', () => {
  const budget = new QuestionBudget(limits)
  for (let n = 0; n < 100; n++) fill(budget, link(`client ${n}`), 200, n * 100)
  assert.equal(fill(budget, link('a', true), 1000, 100_000), 5)
})

test('however links ask and are answered: within the bounds, each knows its own, and nothing is left at the end', () => {
  const links = Array.from({ length: 8 }, (_, n) => link(`${n}`, n > 5))
  const step = fc.record({
    link: fc.nat(7),
    bytes: fc.integer({ min: 100, max: 2000 }),
    answered: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const budget = new QuestionBudget(limits)
      const open = links.map(() => new Map<number, number>())
      for (const [token, { link: n, bytes, answered }] of steps.entries()) {
        const [sink, own] = [links[n] as Sink, open[n] as Map<number, number>]
        const [first] = own
        if (answered && first !== undefined) {
          budget.give(sink, ...first)
          own.delete(first[0])
        } else if (budget.take(sink, token, bytes)) own.set(token, bytes)
        else assert.ok(own.size > 0 || bytes > limits.openQuestionBytesSure, 'a link with none gets in')
        assert.deepEqual([...budget.of(sink)], [...own.keys()])
      }
      const most = 2 * limits.openQuestionBytes + links.length * limits.openQuestionBytesSure
      assert.ok(budget.bytes <= most)
      for (const [n, own] of open.entries())
        for (const [token, bytes] of own) budget.give(links[n] as Sink, token, bytes)
      assert.equal(budget.bytes, 0)
    }),
  )
})

test('sixty links with paths as long as they may be hold 16 MiB, and leave a place for everybody else', () => {
  const budget = new QuestionBudget()
  const from = `firesteel://demo@10.0.0.1:4711/${'x'.repeat(2048)}`
  const envelope = { from, to: '/user/Master', message: { type: 'RequestTrace' }, id: 1, trace: 1, epoch: 0 }
  const bytes = budget.bytesOf({ ...envelope, ask: 'q'.repeat(64) })
  assert.equal(bytes, 512 + 2 * (from.length + 64 + 'RequestTrace'.length))
  for (let n = 0; n < 60; n++) fill(budget, link(`flood ${n}`), bytes, n * 10_000)
  assert.ok(budget.bytes <= realLimits.openQuestionBytes, `${budget.bytes}`)
  const ours = budget.bytesOf({ ...envelope, from: 'firesteel://demo@10.0.0.1:4711/user/client', ask: '17' })
  assert.ok(fill(budget, link('honest'), ours, 1_000_000) >= 3)
})
