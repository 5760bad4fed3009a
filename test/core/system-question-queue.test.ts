import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits as realLimits } from '../../runtime/limits.js'
import { QuestionQueue, type QuestionQueueLimits } from '../../runtime/system/question-queue.js'
import { VirtualTime } from '../tools/virtual-time.js'

const limits: QuestionQueueLimits = {
  questionsServed: 2,
  questionServeMs: 2,
  questionWindowMs: 6,
  questionsWaitingEach: 10,
  questionsWaiting: 15,
  questionWaitingBytes: 1000,
}

function queueOf(most = limits) {
  const time = new VirtualTime()
  const questions = new QuestionQueue({ clock: time, timers: time, limits: most })
  const served: string[] = []
  const refused: string[] = []
  return {
    questions,
    served,
    refused,
    pending: () => time.pending,
    /** False: it was refused at once. */
    ask: (asker: string, text = asker, costMs = 0, bytes = 100): boolean => {
      const before = refused.length
      const serve = (): void => {
        served.push(text)
        time.spend(costMs)
      }
      questions.ask(asker, { serve, refuse: () => refused.push(text), bytes })
      return !refused.slice(before).includes(text)
    },
    advance: (ms: number) => time.advance(ms),
  }
}

test('the first question is answered at once, and nothing is left behind', () => {
  const { ask, served, advance, pending, questions } = queueOf()
  assert.equal(ask('a'), true)
  assert.deepEqual(served, ['a'])
  advance(100)
  assert.deepEqual([pending(), questions.size], [0, 0])
})

test('so many in a window, each asker in its turn', () => {
  const { ask, served, advance } = queueOf()
  for (let n = 0; n < 6; n++) ask('flood', `flood ${n}`)
  ask('a')
  ask('b')
  assert.deepEqual(served, ['flood 0', 'flood 1'])
  advance(6)
  assert.deepEqual(served.slice(2), ['flood 2', 'a'])
  advance(6)
  assert.deepEqual(served.slice(4), ['b', 'flood 3'])
  advance(12)
  assert.deepEqual(served.slice(6), ['flood 4', 'flood 5'])
})

test('one that takes long ends the window: the others wait for the next', () => {
  const { ask, served, advance } = queueOf()
  ask('a', 'a', 5)
  ask('b')
  assert.deepEqual(served, ['a'])
  advance(6)
  assert.deepEqual(served, ['a', 'b'])
})

test('over the bound of one asker its questions are refused', () => {
  const { ask, served, refused, advance } = queueOf()
  for (let n = 0; n < 20; n++) ask('flood', `flood ${n}`)
  assert.deepEqual(refused, [
    'flood 12',
    'flood 13',
    'flood 14',
    'flood 15',
    'flood 16',
    'flood 17',
    'flood 18',
    'flood 19',
  ])
  assert.equal(ask('a'), true)
  advance(1000)
  assert.equal(served.length, 13)
})

test('over the bound of all, who has the most loses its newest to who has fewer', () => {
  const { ask, served, refused, advance, questions } = queueOf()
  for (let n = 0; n < 12; n++) ask('flood', `flood ${n}`)
  for (let n = 0; n < 5; n++) ask('second', `second ${n}`)
  assert.equal(questions.size, limits.questionsWaiting)
  assert.equal(ask('a'), true)
  assert.deepEqual(refused, ['flood 11'])
  for (let n = 1; n < 10; n++) ask('a', `a ${n}`)
  // Then each of the three has 5.
  const others = ['flood 10', 'flood 9', 'flood 8', 'flood 7', 'a 5', 'a 6', 'a 7', 'a 8', 'a 9']
  assert.deepEqual(refused.slice(1), others)
  assert.equal(questions.size, limits.questionsWaiting)
  advance(1000)
  assert.equal(served.length + refused.length, 12 + 5 + 10)
})

test('an asker with none waiting always gets in, and there is never more than one for each beyond the bound', () => {
  const { ask, refused, questions } = queueOf()
  ask('first')
  ask('first')
  for (let n = 0; n < 40; n++) assert.equal(ask(`asker ${n}`), true)
  assert.equal(questions.size, 40)
  for (let n = 0; n < 40; n++) assert.equal(ask(`asker ${n}`, `again ${n}`), false)
  assert.equal(questions.size, 40)
  assert.equal(refused.length, 40)
})

const rounds = 5
for (const links of [33, 200]) {
  test(`${links} links that refill each place that becomes free keep nobody else out`, () => {
    const { ask, served, refused, advance, questions } = queueOf(realLimits)
    const refill = (): void => {
      for (let link = 0; link < links; link++)
        for (let n = 0; n < realLimits.questionsWaitingEach; n++) ask(`flood ${link}`, 'flood')
    }
    refill()
    assert.equal(questions.size, realLimits.questionsWaiting)
    for (let round = 0; round < rounds; round++) {
      assert.equal(ask('honest', `status ${round}`), true)
      for (let window = 0; !served.includes(`status ${round}`); window++) {
        // So many windows serve each of the links once.
        assert.ok(window <= Math.ceil((links + 1) / realLimits.questionsServed), `round ${round} waits`)
        refill()
        advance(realLimits.questionWindowMs)
      }
    }
    assert.deepEqual([...new Set(refused)], ['flood'])
    assert.equal(served.filter((text) => text !== 'flood').length, rounds)
  })
}

test('a large question does not wait: it is served at once or refused', () => {
  const { ask, served, refused } = queueOf()
  assert.equal(ask('a', 'large', 0, 1001), true)
  ask('a')
  assert.equal(ask('b', 'large too', 0, 1001), false)
  assert.equal(ask('b', 'not too large', 0, 1000), true)
  assert.deepEqual([served, refused], [['large', 'a'], ['large too']])
})

test('who is gone is served no more', () => {
  const { ask, served, advance, questions } = queueOf()
  for (let n = 0; n < 8; n++) ask('gone')
  ask('a')
  questions.forget('gone')
  advance(1000)
  assert.deepEqual(served, ['gone', 'gone', 'a'])
  assert.equal(questions.size, 0)
})

test('an answer that fails leaves the queue in order', () => {
  const { questions, ask, served, advance } = queueOf()
  assert.throws(() =>
    questions.ask('a', {
      serve: () => {
        throw new Error('a defect')
      },
      refuse: () => undefined,
    }),
  )
  ask('b')
  ask('c')
  advance(6)
  assert.deepEqual(served, ['b', 'c'])
})
