import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { OutputPace, OutputPieces, outputText } from '../../actors/client/output-pieces.js'
import { innerLimits } from '../../runtime/inner-limits.js'

/* What executors print, as their program shows it. */

const linesOf = (...texts: readonly (string | Buffer)[]): string[] => {
  const pieces = new OutputPieces(3, 'stdout')
  const lines = texts.flatMap((text) => pieces.take(Buffer.from(text as string)))
  return [...lines, ...pieces.rest()].map(outputText)
}

test('a line has executor, task and attempt, wherever its bytes are cut, and what no task printed has none', () => {
  const text = '[task 17 attempt 2] grüße\r\nfrom no task\n[task 18 attempt 1] end'
  const bytes = Buffer.from(text)
  const whole = [
    '[executor 3 task 17 attempt 2] grüße',
    '[executor 3] from no task',
    '[executor 3 task 18 attempt 1] end',
  ]
  for (let at = 0; at <= bytes.length; at++)
    assert.deepEqual(linesOf(bytes.subarray(0, at), bytes.subarray(at)), whole)
})

test('control characters are shown as escapes: no line moves the cursor, changes colours or turns the writing', () => {
  const [line] = linesOf('[task 1 attempt 1] a\u001b[2J\u0007\u202eb\rc\n')
  assert.equal(line, '[executor 3 task 1 attempt 1] a\\u001b[2J\\u0007\\u202eb\\rc')
})

test('a line without an end takes no more memory than a long one, and says that it was cut', () => {
  const pieces = new OutputPieces(0, 'stderr')
  for (let megabyte = 0; megabyte < 30; megabyte++)
    assert.deepEqual(pieces.take(Buffer.alloc(1024 * 1024, 'x')), [])
  const [line] = pieces.take(Buffer.from('\nnext\n'))
  assert.equal(line!.text, `${'x'.repeat(innerLimits.outputLineChars)}...`)
})

test('so many lines of a second pass, and the others are counted', () => {
  const pace = new OutputPace(3)
  const passed = (nowMs: number) => [1, 2, 3, 4, 5].filter(() => pace.passes(nowMs)).length
  assert.deepEqual([passed(10), passed(900), passed(1010)], [3, 0, 3])
  assert.equal(pace.takeLeft(), 2 + 5 + 2)
  assert.equal(pace.takeLeft(), 0)
})
