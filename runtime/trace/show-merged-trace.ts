import { printable } from '../observe/printable.js'
import { shortPath } from './actor-path.js'
import type { TracedMessage } from './merged-trace.js'
import { Mermaid } from './mermaid.js'
import { sequenceSvg } from './sequence-svg.js'
import type { TraceFormat } from './trace-formats.js'

/** Writes a merged trace, part by part. */
export interface MergedTraceWriter {
  /** Text of the next part; '' if there is none. */
  write(mergedTrace: readonly TracedMessage[]): string
}

export function mergedTraceWriter(format: TraceFormat): MergedTraceWriter {
  if (format === 'json') return { write: (mergedTrace) => mergedTrace.map(jsonLine).join('') }
  // A picture has a size, so it is written at once.
  if (format === 'svg')
    return { write: (mergedTrace) => sequenceSvg(mergedTrace, { title: 'Messages', isFile: true }) }
  return format === 'mermaid' ? new Mermaid() : new Table()
}

/** One line of `trace --format json`; a field is null if no process reported it. */
export function jsonLine(message: TracedMessage): string {
  const { atMs, id, from, to, epoch, trace, parent, bytes, tookUs, refused, payload } = message
  const line = {
    at: new Date(atMs).toISOString(),
    from,
    to,
    message: message.message,
    epoch,
    id,
    trace,
    parent: parent ?? null,
    bytes: bytes ?? null,
    tookUs: tookUs ?? null,
    ...(refused && { refused }),
    ...(payload !== undefined && { payload }),
  }
  return `${JSON.stringify(line)}\n`
}

const header = ['TIME', 'FROM', '', 'TO', 'MESSAGE', 'EPOCH', 'TOOK'] as const

/** The columns only grow, so that a followed trace stays readable. */
class Table implements MergedTraceWriter {
  readonly #widths = header.map((title) => title.length)
  #begun = false

  write(mergedTrace: readonly TracedMessage[]): string {
    if (mergedTrace.length === 0) return ''
    const rows = mergedTrace.map((message) => ({
      cells: cellsOf(message),
      payload: message.payload,
    }))
    for (const { cells } of rows) {
      for (const [column, cell] of cells.entries()) {
        this.#widths[column] = Math.max(this.#widths[column]!, cell.length)
      }
    }
    const head = this.#begun ? [] : [this.#line(header)]
    this.#begun = true
    const lines = rows.flatMap(({ cells, payload }) => {
      const line = this.#line(cells)
      return payload === undefined ? [line] : [line, `  ${JSON.stringify(payload)}`]
    })
    return [...head, ...lines].map((line) => `${line}\n`).join('')
  }

  #line(cells: readonly string[]): string {
    return cells
      .map((cell, column) => cell.padEnd(this.#widths[column]!))
      .join('  ')
      .trimEnd()
  }
}

function cellsOf({ atMs, from, to, message, epoch, tookUs, refused }: TracedMessage): string[] {
  const time = new Date(atMs).toISOString().slice(11, 23)
  const took = refused ? 'refused' : tookText(tookUs)
  return [time, shortPath(from), '->', shortPath(to), message, String(epoch), took].map(printable)
}

const tookText = (tookUs: number | undefined): string => {
  if (tookUs === undefined) return '-'
  return tookUs < 1000 ? `${tookUs}us` : `${(tookUs / 1000).toFixed(1)}ms`
}
