import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../../runtime/launch/cli/commands/explain.js'

test('a code is found with or without its prefix, in capitals or not; a name stays a name', () => {
  for (const text of ['FIRESTEEL_NO_MASTER', 'NO_MASTER', 'no_master', 'firesteel_no_master', 'No_Master'])
    assert.equal(codeOf(text), 'NO_MASTER', text)
  assert.equal(codeOf('USAGE'), 'USAGE')
  for (const name of ['usage', 'etl', 'nightly_etl', 'NO_MASTR', 'driver-2026', 'no master'])
    assert.equal(codeOf(name), undefined, name)
})

test('a misspelt code names the nearest one, however it is written', () => {
  for (const text of ['FIRESTEEL_NO_MASTR', 'firesteel_no_mastr'])
    assert.throws(() => codeOf(text), {
      code: 'FIRESTEEL_UNKNOWN_ID',
      help: 'Did you mean FIRESTEEL_NO_MASTER?',
    })
  assert.throws(() => codeOf('FIRESTEEL_QQQQQQQQQQ'), { help: 'docs/errors.md has all codes.' })
})
