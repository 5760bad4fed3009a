import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteText } from '../../runtime/launch/cli/each/arguments.js'
import { type CommandEnd, failureList } from '../../runtime/launch/cli/each/report.js'
import { tagBytes } from '../../runtime/launch/cli/each/tagged-lines.js'
import { statusText } from '../../runtime/launch/cli/status-list.js'
import { oneStatusText } from '../../runtime/launch/cli/status-view.js'
import { table } from '../../runtime/launch/cli/text-table.js'
import { formatLine } from '../../runtime/observe/log-line.js'
import { printable, printableLines } from '../../runtime/observe/printable.js'
import { mergedTraceWriter } from '../../runtime/trace/show-merged-trace.js'
import { driver, masterState } from '../tools/http-samples.js'

/* What a peer has chosen must not act on the terminal of who looks. */

/**
 * Clears the screen, sets the title, forges a line, begins a C1 sequence, turns the direction, hides what
 * follows.
 */
const evil =
  'a\u001b[2J\u001b]0;title\u0007\r\nDriver forged\u009b31m\u202e\u2066b\u2028c\ufeff\u0000\t\u007f'
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
const acts = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

const lines = (text: string): number => text.trimEnd().split('\n').length

test('a value stays on its line, readable; other writing is left alone', () => {
  assert.equal(printable('a\u001b[2J\n\u009b\u202e'), 'a\\u001b[2J\\n\\u009b\\u202e')
  for (const text of ['plain', 'größe', '日本語', 'עברית', 'a\u0301', '👩‍🚀'.replace('\u200d', '')]) {
    assert.equal(printable(text), text)
  }
})

test('JSON is the same JSON afterwards', () => {
  const value = { [evil]: [evil, { deep: evil }] }
  const text = printableLines(JSON.stringify(value))
  assert.doesNotMatch(text, acts)
  assert.deepEqual(JSON.parse(text), value)
})

const state = () =>
  masterState({
    cluster: evil,
    leader: `firesteel://${evil}` as 'firesteel://',
    activeDrivers: [{ ...driver, message: evil, description: { ...driver.description, name: evil } }],
  })

test('status: as many lines as there are things', () => {
  const text = statusText(state(), 0)
  const plain = statusText(masterState({ activeDrivers: [{ ...driver, message: printable(evil) }] }), 0)
  assert.doesNotMatch(text, acts)
  assert.equal(lines(text), lines(plain))
  const one = oneStatusText(state(), driver.id)
  assert.doesNotMatch(one, acts)
  assert.match(one, /forged\\u009b31m/)
})

test('tables, lists of failures, tags, log lines and traces', () => {
  const end: CommandEnd = {
    ...{ number: 1, args: [byteText(evil)], command: byteText(`echo ${evil}`), attempts: 1, code: null },
    ...{ signal: null, error: evil, timedOut: false, startedAtMs: null },
    ...{ stdout: Buffer.from('out\n'), stderr: Buffer.alloc(0), sent: [0, 0], ms: 1, host: evil },
  }
  const entry = { wallMs: 0, level: 'warn', message: evil, fields: { from: evil, node: evil } } as const
  const mergedTrace = mergedTraceWriter('table').write([
    {
      ...{ id: 1, atMs: 0, from: `firesteel://c@h:1/user/${evil}`, to: `/user/${evil}`, message: evil },
      ...{ epoch: 1, trace: 1, parent: undefined, bytes: 1, tookUs: 1, payload: { evil } },
    } as unknown as Parameters<ReturnType<typeof mergedTraceWriter>['write']>[0][number],
  ])
  const texts: readonly (readonly [string, number])[] = [
    [table(['A', 'B'], [[evil, 1]]).join('\n'), 2],
    [failureList([end]).join('\n'), 1],
    [`${Buffer.from(tagBytes(byteText(evil)))}out\n`, 1],
    [formatLine('text', entry), 1],
    [formatLine('json', entry), 1],
    [printableLines(mergedTrace), 3],
  ]
  for (const [text, count] of texts) {
    assert.doesNotMatch(text, acts)
    assert.equal(lines(text), count, text)
  }
  assert.equal((JSON.parse(formatLine('json', entry)) as { from: string }).from, evil)
})
