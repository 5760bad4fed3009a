import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RepeatedErrors } from '../../actors/executor/repeated-errors.js'
import { ThrownErrors } from '../../actors/executor/thrown-errors.js'
import { limits } from '../../runtime/limits.js'

const { threadErrorsFirstMs: FIRST, threadErrorsMaxMs: MOST } = limits

/** Tasks of one function that fail, one after the other. */
function inTurn(): (error: unknown) => boolean {
  const thrown = new ThrownErrors()
  let ended = 0
  return (error) => thrown.isRepeated(error, { began: ended, ended: ++ended })
}

test('one object again says that the thread remembers it; an equal one, and what is no error, does not', () => {
  const isRepeated = inTurn()
  const error = new Error('no database')
  assert.equal(isRepeated(error), false)
  assert.equal(isRepeated(new Error('no database')), false)
  assert.equal(isRepeated(error), true)
  for (const value of ['text', 'text', undefined, undefined, 5, 5, null])
    assert.equal(isRepeated(value), false)
})

test('tasks that were under way together and fail of one promise do not count; one that began later does', () => {
  const thrown = new ThrownErrors()
  const error = new Error('the connection is lost')
  assert.equal(thrown.isRepeated(error, { began: 4, ended: 5 }), false)
  for (const ended of [6, 7]) assert.equal(thrown.isRepeated(error, { began: 4, ended }), false)
  assert.equal(thrown.isRepeated(error, { began: 5, ended: 8 }), true)
})

test('an error whose cause cannot be read is an error like others', () => {
  class Closed extends Error {
    override get cause(): unknown {
      throw new TypeError('not now')
    }
  }
  const isRepeated = inTurn()
  const error = new Closed('closed')
  assert.deepEqual([isRepeated(error), isRepeated(error)], [false, true])
  const trap = new Proxy(new Error('x'), {
    getPrototypeOf() {
      throw new TypeError('never')
    },
  })
  assert.deepEqual([isRepeated(trap), isRepeated(trap)], [false, false])
})

test('the cause of a fresh error counts, and causes in a circle end', () => {
  const isRepeated = inTurn()
  const cause = new Error('no database')
  assert.equal(isRepeated(new Error('query failed', { cause })), false)
  assert.equal(isRepeated(new Error('query failed', { cause })), true)
  assert.equal(inTurn()(cause), false, 'each thread has its own')
  const circle = new Error('circle')
  circle.cause = circle
  assert.equal(inTurn()(circle), false)
})

/** When fresh threads were replaced, if their tasks failed with one object all the time. */
function replacedAt(untilMs: number): number[] {
  const repeated = new RepeatedErrors()
  const times: number[] = []
  let startedMs = 0
  for (let nowMs = 1; nowMs < untilMs; nowMs += 1000) {
    if (!repeated.mayReplace(startedMs, nowMs)) continue
    times.push(Math.floor(nowMs / 1000))
    startedMs = nowMs
  }
  return times
}

test('a program that throws one object for ever loses a thread at once, and then ever more rarely', () => {
  assert.deepEqual(replacedAt(1_600_000), [0, 10, 30, 70, 150, 310, 610, 910, 1210, 1510])
})

test('threads of the same time are replaced together; a long quiet time forgets the waits', () => {
  const repeated = new RepeatedErrors()
  assert.equal(repeated.mayReplace(0, 1000), true)
  assert.equal(repeated.mayReplace(0, 1001), true, 'it was there before')
  assert.equal(repeated.mayReplace(1000, 1002), false)
  assert.equal(repeated.mayReplace(1000, 1000 + FIRST), true)
  assert.equal(repeated.mayReplace(1000 + FIRST, 1000 + 2 * FIRST), false)
  const quietMs = 1000 + FIRST + 2 * FIRST + MOST
  assert.equal(repeated.mayReplace(1000 + FIRST, quietMs), true)
  assert.equal(repeated.mayReplace(quietMs, quietMs + FIRST - 1), false)
  assert.equal(repeated.mayReplace(quietMs, quietMs + FIRST), true)
})
