import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutputLines } from '../../runtime/launch/cli/output-lines.js'

test('lines of text come whole, wherever their bytes are cut', () => {
  const text = 'grün\n\n日本語\nrest ä'
  const bytes = Buffer.from(text)
  for (let at = 0; at <= bytes.length; at++) {
    const lines = new OutputLines()
    const found = [...lines.take(bytes.subarray(0, at)), ...lines.take(bytes.subarray(at)), ...lines.rest()]
    assert.deepEqual(found, text.split('\n'), `cut at ${at}`)
    assert.deepEqual(lines.rest(), [])
  }
})
