import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mock, test } from 'node:test'
import type { KeptLog } from '../../actors/worker/logs/kept-log.js'
import { searchBefore } from '../../actors/worker/logs/log-search.js'
import { patternOf, shownLine } from '../../actors/worker/logs/log-text.js'
import { type LogWindow, windowBefore, windowFrom } from '../../actors/worker/logs/log-window.js'
import { innerLimits } from '../../runtime/inner-limits.js'

/* Parts of outputs, on bytes in memory; and of one of 2 GB, whose lines are made as they are read. */

function logOf(
  text: string,
  start = 0,
): Pick<KeptLog, 'read'> & { readonly within: { start: number; end: number } } {
  const bytes = Buffer.from(text)
  return {
    within: { start, end: start + bytes.length },
    read: (from, most) => bytes.subarray(from - start, from - start + most),
  }
}

const texts = ({ lines }: LogWindow): string[] => lines.map(({ text }) => text)

test('the end of an output, and what is before it, and after it again', () => {
  const all = Array.from({ length: 1200 }, (_, index) => `line ${index}`)
  const log = logOf(`${all.join('\n')}\n`, 1000)
  const end = windowBefore(log, log.within, log.within.end)
  assert.deepEqual(texts(end), all.slice(-500))
  assert.equal(end.end, log.within.end)
  const before = windowBefore(log, log.within, end.start)
  assert.deepEqual(texts(before), all.slice(200, 700))
  const first = windowBefore(log, log.within, before.start)
  assert.deepEqual(texts(first), all.slice(0, 200))
  assert.equal(first.start, 1000)
  const again = windowFrom(log, log.within, first.end)
  assert.deepEqual(texts(again), all.slice(200, 700))
  assert.deepEqual(texts(windowFrom(log, log.within, again.end)), all.slice(700))
})

test('a place within a line leads to the next line, and one outside to the nearest', () => {
  const log = logOf('one\ntwo\nthree')
  assert.deepEqual(texts(windowFrom(log, log.within, 1)), ['two', 'three'])
  assert.deepEqual(texts(windowFrom(log, log.within, 4)), ['two', 'three'])
  assert.deepEqual(texts(windowFrom(log, log.within, 0)), ['one', 'two', 'three'])
  assert.deepEqual(texts(windowFrom(log, log.within, 999)), [])
  assert.deepEqual(texts(windowBefore(log, log.within, 999)), ['one', 'two', 'three'])
  assert.deepEqual(texts(windowBefore(log, log.within, 0)), [])
})

test('lines without an end, longer than a page, are shown in parts, and none is lost', () => {
  const log = logOf('x'.repeat(300_000))
  const seen: string[] = []
  for (let at = log.within.end; at > 0; ) {
    const part = windowBefore(log, log.within, at)
    assert.ok(part.start < at)
    seen.unshift(...texts(part))
    at = part.start
  }
  assert.equal(seen.join('').length, 300_000)
})

const LINE = 64
const GB = 1024 ** 3

/** Each line says its number and fills 64 bytes. `read` counts what is read. */
function endless(bytes: number) {
  const counted = { bytes: 0, most: 0 }
  return {
    counted,
    within: { start: 0, end: bytes },
    read: (from: number, most: number): Buffer => {
      const first = Math.floor(from / LINE)
      const last = Math.ceil((from + most) / LINE)
      let text = ''
      for (let line = first; line < last; line++) text += `${`line ${line}`.padEnd(LINE - 1)}\n`
      const data = Buffer.from(text).subarray(from - first * LINE, from - first * LINE + most)
      counted.bytes += data.length
      counted.most = Math.max(counted.most, data.length)
      return data
    },
  }
}

test('a page of 2 GB reads no more than a page', () => {
  const log = endless(2 * GB)
  for (const part of [
    windowBefore(log, log.within, 2 * GB),
    windowFrom(log, log.within, GB),
    windowBefore(log, log.within, GB),
  ])
    assert.equal(part.lines.length, 500)
  assert.ok(log.counted.bytes <= 3 * (innerLimits.logWindowBytes + 1), `${log.counted.bytes}`)
})

test('a search of 2 GB looks through its bound, says so, and goes on where it ended', async () => {
  const log = endless(2 * GB)
  const nothing = await searchBefore(log, log.within, 2 * GB, patternOf('no such text'))
  assert.deepEqual(nothing.lines, [])
  assert.ok(log.counted.bytes < 1.1 * innerLimits.logSearchBytes)
  assert.ok(log.counted.most <= innerLimits.logPieceBytes)
  const { start } = nothing.searched
  assert.ok(Math.abs(2 * GB - innerLimits.logSearchBytes - start) <= innerLimits.logPieceBytes)
  const line = Math.floor(start / LINE) - 3
  const next = await searchBefore(log, log.within, start, patternOf(`LINE ${line} `))
  assert.deepEqual(next.lines, [{ ...next.lines[0], at: line * LINE, text: `line ${line}`.padEnd(LINE - 1) }])
})

test('a search that finds much ends early, and the next one begins before it', async () => {
  const log = endless(1024 * 1024)
  const found = await searchBefore(log, log.within, log.within.end, patternOf('line'))
  assert.equal(found.lines.length, innerLimits.logFoundLines)
  assert.equal(found.searched.start, found.lines[0]?.at)
  const next = await searchBefore(log, log.within, found.searched.start, patternOf('line'))
  assert.equal(next.lines.at(-1)?.at, found.searched.start - LINE)
})

/** What a function decodes, in pieces of text. */
function decodedIn(work: () => unknown): number {
  const decode = mock.method(Buffer.prototype, 'toString')
  work()
  const count = decode.mock.callCount()
  decode.mock.restore()
  return count
}

test('a page of an output of line breaks makes as many lines as it shows', () => {
  const log = logOf('\n'.repeat(innerLimits.logWindowBytes * 2))
  for (const part of [
    () => windowBefore(log, log.within, log.within.end),
    () => windowFrom(log, log.within, 1000),
  ]) {
    assert.equal(part().lines.length, 500)
    assert.equal(decodedIn(part), 500)
  }
  assert.deepEqual(windowFrom(log, log.within, 1000).lines[0], { at: 1000, text: '', bytes: 1 })
  assert.equal(windowBefore(log, log.within, log.within.end).start, log.within.end - 500)
})

test('a search of an output of line breaks looks at a few lines in one turn, and says how far it came', async () => {
  const log = logOf('\n'.repeat(300_000))
  let lines = 0
  const turns: number[] = []
  const pattern = { test: () => ++lines < 0 }
  const rest = async (): Promise<void> => {
    turns.push(lines)
    lines = 0
  }
  const found = await searchBefore(log, log.within, 300_000, pattern, { mostLines: 250_000, rest })
  assert.deepEqual(found, { lines: [], searched: { start: 50_000, end: 300_000 } })
  assert.equal(Math.max(...turns), 2000)
  assert.ok(turns.length >= 124, `${turns.length} turns`)
  assert.deepEqual((await searchBefore(log, log.within, 50_000, pattern)).searched, { start: 0, end: 50_000 })
})

test('a search takes its text as it is', async () => {
  const log = logOf('a.c\nabc\n[x]+(y)\n')
  const found = async (sought: string) =>
    (await searchBefore(log, log.within, log.within.end, patternOf(sought))).lines.map(({ text }) => text)
  assert.deepEqual(await found('A.C'), ['a.c'])
  assert.deepEqual(await found('[x]+('), ['[x]+(y)'])
})

test('a line is shown as a terminal shows it', () => {
  assert.equal(shownLine('\u001b[31mred\u001b[0m\r'), 'red')
  assert.equal(shownLine('a\tb'), 'a       b')
  assert.equal(shownLine('\u0000\u0000x'), '…x')
})
