import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pause } from '../../runtime/pause.js'

test('an abort ends a pause early, without an error, also an abort from before', async () => {
  const gone = new AbortController()
  const paused = pause(1e9, gone.signal)
  gone.abort(new Error('nobody reads'))
  assert.equal(await paused, undefined)
  assert.equal(await pause(1e9, gone.signal), undefined)
})
