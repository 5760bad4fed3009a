import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { exitStatus, signalNumber, signalOf } from '../../runtime/process/exit-status.js'

test('an end is one number: the code, or 128 and the number of the signal; and back', () => {
  assert.equal(exitStatus(3, null), 3)
  assert.equal(exitStatus(0, null), 0)
  assert.equal(exitStatus(null, 'SIGKILL'), 128 + constants.signals.SIGKILL)
  assert.equal(exitStatus(null, 'SIGNONE'), undefined)
  assert.equal(exitStatus(null, null), undefined)
  assert.equal(signalNumber('SIGTERM'), constants.signals.SIGTERM)
  assert.equal(signalOf(128 + constants.signals.SIGTERM), 'SIGTERM')
  assert.equal(signalOf(3), undefined)
})
