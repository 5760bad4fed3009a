import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { type KeptLog, readStretch, type Stretch } from './kept-log.js'
import { type LogLine, linesBack } from './log-window.js'

/* Searches an output from its end back, a bounded part of it for each request. */

export interface FoundLines {
  /** In the order of the output. */
  readonly lines: readonly LogLine[]
  /** What was looked through. Before it the search goes on, unless that is the beginning. */
  readonly searched: Stretch
}

export interface SearchOptions {
  readonly mostBytes?: number
  readonly mostLines?: number
  /** Resolves when everything else in this process has had a turn. */
  readonly rest?: () => Promise<unknown>
}

const PIECE_BYTES = innerLimits.logPieceBytes
const TURN_LINES = innerLimits.logTurnLines
const LINE_BREAK = 10

export async function searchBefore(
  log: Pick<KeptLog, 'read'>,
  within: Stretch,
  before: number,
  pattern: Pick<RegExp, 'test'>,
  options: SearchOptions = {},
): Promise<FoundLines> {
  const { mostBytes = innerLimits.logSearchBytes, mostLines = innerLimits.logSearchLines } = options
  const { rest = nextTurn } = options
  const end = Math.min(Math.max(before, within.start), within.end)
  const from = Math.max(within.start, end - mostBytes)
  const found: LogLine[] = []
  let looked = 0
  let to = end
  while (to > from) {
    const { start, bytes } = pieceBefore(log, within, to)
    for (const { at, text } of linesBack(bytes, start)) {
      if (pattern.test(text)) found.push({ at, text })
      looked++
      if (found.length === innerLimits.logFoundLines || looked === mostLines) {
        return { lines: found.reverse(), searched: { start: at, end } }
      }
      // A line costs as much as many bytes, and a piece may have one line for each byte.
      if (looked % TURN_LINES === 0) await rest()
    }
    to = start
    await rest()
  }
  return { lines: found.reverse(), searched: { start: to, end } }
}

/** The bytes before a place, as far as one piece has the lines from their beginning. */
function pieceBefore(log: Pick<KeptLog, 'read'>, within: Stretch, to: number) {
  const at = Math.max(within.start, to - PIECE_BYTES)
  const bytes = readStretch(log, { start: at, end: to })
  const first = at === within.start ? 0 : bytes.indexOf(LINE_BREAK) + 1
  // A line that is longer than a piece is searched in parts.
  const skipped = first === bytes.length ? 0 : first
  return { start: at + skipped, bytes: bytes.subarray(skipped) }
}
