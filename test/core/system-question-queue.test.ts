import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QuestionQueue, type QuestionQueueLimits } from '../../runtime/system/question-queue.js'
import { VirtualTime } from '../tools/virtual-time.js'

const limits: QuestionQueueLimits = {
  questionsServed: 2,
  questionServeMs: 2,
  questionWindowMs: 6,
  questionsWaitingEach: 10,
  questionsWaiting: 15,
}

function queueOf() {
  const time = new VirtualTime()
  const questions = new QuestionQueue({ clock: time, timers: time, limits })
  const served: string[] = []
  return {
    questions,
    served,
    pending: () => time.pending,
    ask: (asker: string, text = asker, costMs = 0) =>
      questions.ask(asker, () => {
        served.push(text)
        time.spend(costMs)
      }),
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

test('over the bound of one asker, or of all, a question is refused', () => {
  const { ask, served, advance } = queueOf()
  const taken = Array.from({ length: 20 }, () => ask('flood')).filter(Boolean).length
  assert.equal(taken, 2 + limits.questionsWaitingEach)
  assert.equal(ask('a'), true)
  const others = Array.from({ length: 10 }, (_, n) => ask(`b${n}`)).filter(Boolean).length
  assert.equal(others, limits.questionsWaiting - limits.questionsWaitingEach - 1)
  advance(1000)
  assert.equal(served.length, 2 + limits.questionsWaiting)
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
    questions.ask('a', () => {
      throw new Error('a defect')
    }),
  )
  ask('b')
  ask('c')
  advance(6)
  assert.deepEqual(served, ['b', 'c'])
})
