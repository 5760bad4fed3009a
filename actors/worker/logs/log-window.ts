import type { Buffer } from 'node:buffer'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { type KeptLog, readStretch, type Stretch } from './kept-log.js'

/* The lines of an output that stand on one page. Whatever its size, a bounded part of it is read. */

export interface LogLine {
  /** Where it begins, in bytes ever written. */
  readonly at: number
  readonly text: string
}

export interface LogWindow extends Stretch {
  readonly lines: readonly LogLine[]
}

const MOST_BYTES = innerLimits.logWindowBytes
const MOST_LINES = innerLimits.logWindowLines
const LINE_BREAK = 10

/** The lines from a place on. One that began before it is left out. */
export function windowFrom(log: Pick<KeptLog, 'read'>, within: Stretch, from: number): LogWindow {
  const start = Math.min(Math.max(from, within.start), within.end)
  const isBefore = start > within.start
  // One byte more says whether a line begins here.
  const at = isBefore ? start - 1 : start
  const bytes = readStretch(log, { start: at, end: Math.min(within.end, start + MOST_BYTES) })
  // A line that is longer than a page is shown in parts.
  const skipped = isBefore ? Math.max(1, bytes.indexOf(LINE_BREAK) + 1) : 0
  const isWhole = at + bytes.length >= within.end
  const last = bytes.lastIndexOf(LINE_BREAK) + 1
  const end = isWhole || last <= skipped ? bytes.length : last
  return windowOf(firstLines(bytes.subarray(skipped, end), at + skipped), at + skipped)
}

/** The last lines before a place. The last of them may not be complete yet. */
export function windowBefore(log: Pick<KeptLog, 'read'>, within: Stretch, before: number): LogWindow {
  const end = Math.min(Math.max(before, within.start), within.end)
  const at = Math.max(within.start, end - MOST_BYTES)
  const bytes = readStretch(log, { start: at, end })
  const first = at === within.start ? 0 : bytes.indexOf(LINE_BREAK) + 1
  const skipped = first === bytes.length ? 0 : first
  return windowOf(lastLines(bytes.subarray(skipped), at + skipped), end)
}

export interface RawLine extends LogLine {
  readonly bytes: number
}

function windowOf(lines: readonly RawLine[], place: number): LogWindow {
  const [first, last] = [lines[0], lines.at(-1)]
  return { lines, start: first?.at ?? place, end: last ? last.at + last.bytes : place }
}

/** As many as a page has. `at`: where the bytes begin in the output. */
function firstLines(bytes: Buffer, at: number): RawLine[] {
  const lines: RawLine[] = []
  for (let from = 0; from < bytes.length && lines.length < MOST_LINES; ) {
    const found = bytes.indexOf(LINE_BREAK, from)
    const to = found < 0 ? bytes.length : found
    const next = Math.min(bytes.length, to + 1)
    lines.push({ at: at + from, text: bytes.toString('utf8', from, to), bytes: next - from })
    from = next
  }
  return lines
}

function lastLines(bytes: Buffer, at: number): RawLine[] {
  const lines: RawLine[] = []
  for (const line of linesBack(bytes, at)) {
    lines.push(line)
    if (lines.length === MOST_LINES) break
  }
  return lines.reverse()
}

/** From the last line back, each made when it is asked for. `at`: where the bytes begin in the output. */
export function* linesBack(bytes: Buffer, at: number): Generator<RawLine> {
  for (let end = bytes.length; end > 0; ) {
    // The line break at the end of a line belongs to it.
    const to = bytes[end - 1] === LINE_BREAK ? end - 1 : end
    const from = to === 0 ? 0 : bytes.lastIndexOf(LINE_BREAK, to - 1) + 1
    yield { at: at + from, text: bytes.toString('utf8', from, to), bytes: end - from }
    end = from
  }
}
