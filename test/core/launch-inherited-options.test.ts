import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inheritedOptions } from '../../runtime/launch/node/inherited-options.js'

test('nodes get the size of the heap and the port of the debugger from their launcher, and no other option', () => {
  const given = ['--enable-source-maps', '--max-old-space-size=512', '--inspect-port=0', '--inspect']
  assert.deepEqual(inheritedOptions(given), ['--max-old-space-size=512', '--inspect-port=0'])
  assert.deepEqual(inheritedOptions([], '--no-warnings  --max_old_space_size=64'), [
    '--max_old_space_size=64',
  ])
  assert.deepEqual(inheritedOptions([], undefined), [])
})

test('the command line of the launcher comes before its environment', () => {
  assert.deepEqual(inheritedOptions(['--max-old-space-size=2'], '--max-old-space-size=1'), [
    '--max-old-space-size=2',
  ])
  assert.deepEqual(inheritedOptions([], '--inspect-port=1 --inspect-port=127.0.0.1:2'), [
    '--inspect-port=127.0.0.1:2',
  ])
})
