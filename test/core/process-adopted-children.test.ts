import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdoptedChildren } from '../../runtime/process/adopted-children.js'

test('a child whose thread has ended belongs to whoever claims it first, until it is gone', () => {
  let children: readonly number[] | undefined = [11, 12]
  const adopted = new AdoptedChildren<string>(() => children)
  assert.deepEqual(adopted.claim('a'), [11, 12])
  children = [11, 12, 13]
  assert.deepEqual(adopted.claim('b'), [13])
  assert.deepEqual(adopted.claim('a'), [11, 12])
  children = [12, 13]
  assert.deepEqual(adopted.claim('b'), [13])
  children = [11, 12, 13]
  assert.deepEqual(adopted.claim('b'), [11, 13], 'another process has the pid')
})

test('where nothing is told, nobody owns anything, and what was known stays', () => {
  let children: readonly number[] | undefined = [11]
  const adopted = new AdoptedChildren<string>(() => children)
  adopted.claim('a')
  children = undefined
  assert.deepEqual(adopted.claim('b'), [])
  children = [11]
  assert.deepEqual(adopted.claim('b'), [])
})

test('a child that is kept for an owner is claimed by nobody else, until it is forgotten', () => {
  const adopted = new AdoptedChildren<string>(() => [11, 12])
  adopted.keep(11, 'main')
  assert.deepEqual(adopted.claim('a'), [12])
  adopted.forget(11)
  assert.deepEqual(adopted.claim('a'), [11, 12], 'another process has the pid')
})
