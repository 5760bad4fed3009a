import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { readTraceFile, type TraceHeader, traceFileLines } from '../../runtime/trace/trace-file.js'
import { pathOf } from '../tools/trace-fixture.js'

const plain: TracedMessage = {
  ...{ atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), id: 7, from: pathOf('a:1'), to: pathOf('b:2', 'Worker') },
  ...{ message: 'LaunchDriver', epoch: 2, trace: 5, parent: 6, bytes: 120, tookUs: 42 },
}
const messages: readonly TracedMessage[] = [
  { ...plain, payload: { type: 'LaunchDriver', driverId: 'd' } },
  { ...plain, id: 8, parent: undefined, bytes: undefined, tookUs: undefined, refused: true },
]
const header: TraceHeader = {
  ...{ firesteelTrace: 1, recordedAt: '2026-01-02T03:04:06.000Z', cluster: 'demo', messages: 2 },
  versions: { firesteel: '0.1.0', protocols: '1-1', node: '22.0.0' },
  missing: [{ process: 'Worker w9', reason: 'it is DEAD' }],
}
const text = [...traceFileLines({ header, messages })].join('')

const refusedWith = (content: string, line: number, words: RegExp) =>
  assert.throws(
    () => readTraceFile(content, 'some.trace'),
    (error: unknown) => {
      assert.ok(isFiresteelError(error, 'TRACE_FILE_INVALID'))
      assert.equal(error.place, `some.trace:${line}`)
      assert.match(error.message, new RegExp(`^some\\.trace, line ${line}: `))
      assert.match(error.message, words)
      return true
    },
  )

test('what was written is read again, message by message', () => {
  assert.deepEqual(readTraceFile(text, 'some.trace'), { header, messages })
})

test('other files: empty, binary, JSON of something else, a trace without its header', () => {
  refusedWith('', 1, /empty/)
  refusedWith('\u0000\u0001', 1, /not JSON/)
  refusedWith('{"name":"package"}\n', 1, /header of a recorded trace: firesteelTrace/)
  refusedWith(text.slice(text.indexOf('\n') + 1), 1, /header/)
  refusedWith(text.replace('"firesteelTrace":1', '"firesteelTrace":2'), 1, /firesteelTrace/)
})

test('a broken line is named with its number and field', () => {
  refusedWith(text.replace('"epoch":2', '"epoch":"two"'), 2, /epoch/)
  refusedWith(text.replace('"id":8', '"id":-8'), 3, /id/)
  refusedWith(text.replace('2026-01-02T03:04:05.678Z', 'yesterday'), 2, /"at" is no time: "yesterday"/)
})

test('a file that was cut off says so', () => {
  refusedWith(text.slice(0, -20), 3, /not JSON/)
  refusedWith(text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1), 2, /ends after 1 messages/)
})
