import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { type KeptLog, readStretch, type Stretch } from './kept-log.js'
import { type LogLine, linesOf } from './log-window.js'

/* Searches an output from its end back, a bounded part of it for each request. */

export interface FoundLines {
  /** In the order of the output. */
  readonly lines: readonly LogLine[]
  /** What was looked through. Before it the search goes on, unless that is the beginning. */
  readonly searched: Stretch
}

const PIECE_BYTES = innerLimits.logPieceBytes
const LINE_BREAK = 10

export async function searchBefore(
  log: Pick<KeptLog, 'read'>,
  within: Stretch,
  before: number,
  pattern: RegExp,
  mostBytes: number = innerLimits.logSearchBytes,
): Promise<FoundLines> {
  const end = Math.min(Math.max(before, within.start), within.end)
  const from = Math.max(within.start, end - mostBytes)
  const found: LogLine[] = []
  let to = end
  while (to > from) {
    const { start, lines } = linesBefore(log, within, to)
    for (const line of lines.toReversed()) {
      if (!pattern.test(line.text)) continue
      found.push(line)
      if (found.length === innerLimits.logFoundLines) {
        return { lines: found.reverse(), searched: { start: line.at, end } }
      }
    }
    to = start
    // Everything else in this process has a turn between two pieces.
    await nextTurn()
  }
  return { lines: found.reverse(), searched: { start: to, end } }
}

/** The lines that end at a place, as far as one piece has them from their beginning. */
function linesBefore(log: Pick<KeptLog, 'read'>, within: Stretch, to: number) {
  const at = Math.max(within.start, to - PIECE_BYTES)
  const bytes = readStretch(log, { start: at, end: to })
  const first = at === within.start ? 0 : bytes.indexOf(LINE_BREAK) + 1
  // A line that is longer than a piece is searched in parts.
  const skipped = first === bytes.length ? 0 : first
  return { start: at + skipped, lines: linesOf(bytes.subarray(skipped), at + skipped) }
}
