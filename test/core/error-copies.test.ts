import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FiresteelError } from '../../runtime/errors.js'
import { ConfigRefused } from '../../runtime/launch/config/problem.js'

/* The build puts the library into files of its own, so a program may hold the class of our errors twice. */

test('instanceof FiresteelError is true for an error of another copy of the package', async () => {
  const copy: typeof import('../../runtime/errors.js') = await import(
    new URL('../../runtime/errors.js?copy', import.meta.url).href
  )
  assert.notEqual(copy.FiresteelError, FiresteelError)
  assert.ok(new copy.FiresteelError('USAGE', 'one') instanceof FiresteelError)
  assert.ok(new FiresteelError('USAGE', 'one') instanceof copy.FiresteelError)
})

test('instanceof tells other errors, and its own subclasses, apart', () => {
  const error: unknown = new FiresteelError('USAGE', 'one')
  assert.ok(!(error instanceof ConfigRefused))
  assert.ok(!(new Error('one') instanceof FiresteelError))
  assert.ok(!((undefined as unknown) instanceof FiresteelError))
})
