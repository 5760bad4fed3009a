import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forbidsRetry, NoRetry } from '../../actors/messages/no-retry.js'
import { FiresteelError, isFiresteelError, reasonOf, systemCodeOf } from '../../runtime/errors.js'

/* A program may throw anything. To look at it must not throw. */

const trap = (): never => {
  throw new TypeError('do not look')
}
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable(new Error('odd'), {})
  revoke()
  return proxy
}
const values: Readonly<Record<string, unknown>> = {
  'a revoked proxy': revoked(),
  'a proxy whose traps throw': new Proxy(new Error('odd'), { get: trap, has: trap, getPrototypeOf: trap }),
  'an error whose fields throw': Object.defineProperties(new Error('odd'), {
    ...Object.fromEntries(['name', 'message', 'code', 'cause'].map((name) => [name, { get: trap }])),
  }),
}

for (const [what, value] of Object.entries(values)) {
  test(`${what} is no error of ours, has no code, and forbids no retry`, () => {
    assert.equal(isFiresteelError(value), false)
    assert.equal(isFiresteelError(value, 'USAGE'), false)
    assert.equal((value as object) instanceof FiresteelError, false)
    assert.equal(systemCodeOf(value), '')
    assert.equal(reasonOf(value), 'an error that cannot be read')
    assert.equal(forbidsRetry(value), false)
    assert.equal(new NoRetry(value).message, 'an error that cannot be read')
  })
}

test('what has no text, or no text as its message, is told all the same', () => {
  assert.equal(reasonOf(Object.create(null)), 'an error that cannot be read')
  assert.equal(reasonOf(Object.assign(new Error('x'), { message: Symbol('s') })), 'Symbol(s)')
})
