import { innerLimits } from '../../inner-limits.js'
import { printable } from '../../observe/printable.js'

/* Tables of text for people. */

export type Cell = string | number
export type Row = readonly Cell[]

/** A cut column keeps so many characters. */
const CUT_LEAST = innerLimits.cutColumnChars
const GAP = '  '
const CUT = '…'

const shownCell = (cell: Cell): Cell => (typeof cell === 'number' ? cell : printable(cell))

/** Columns as wide as they need to be, with numbers to the right. */
export function table(header: readonly string[], given: readonly Row[]): string[] {
  const rows = given.map((row) => row.map(shownCell))
  return lines(header, rows, widthsOf(header, rows))
}

export interface TableWithin {
  readonly header: readonly string[]
  readonly rows: readonly Row[]
  /** One for each row, shown below it; empty: none. */
  readonly notes: readonly string[]
  /** Columns that are cut if the table is too wide, the widest first. */
  readonly flexible: readonly number[]
  readonly columns: number
}

/** As `table`, within a width. What cannot be cut, such as ids, may still be wider. */
export function tableWithin({ header, rows: given, notes, flexible, columns }: TableWithin): string[] {
  const rows = given.map((row) => row.map(shownCell))
  const widths = widthsOf(header, rows)
  const gaps = GAP.length * (header.length - 1)
  let excess = widths.reduce((sum, width) => sum + width, gaps) - columns
  for (const column of [...flexible].sort((a, b) => widths[b]! - widths[a]!)) {
    const least = Math.max(CUT_LEAST, header[column]!.length)
    const cut = Math.max(0, Math.min(excess, widths[column]! - least))
    widths[column]! -= cut
    excess -= cut
  }
  const [title, ...shown] = lines(header, rows, widths)
  return [title!, ...shown.flatMap((line, row) => [line, ...wrapped(notes[row] ?? '', columns)])]
}

function widthsOf(header: readonly string[], rows: readonly Row[]): number[] {
  return header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  )
}

function lines(header: readonly string[], rows: readonly Row[], widths: readonly number[]): string[] {
  const line = (cells: Row): string =>
    cells
      .map((cell, column) => fitted(cell, widths[column]!))
      .join(GAP)
      .trimEnd()
  return [line(header), ...rows.map(line)]
}

function fitted(cell: Cell, width: number): string {
  return typeof cell === 'number' ? String(cell).padStart(width) : cutAt(cell, width).padEnd(width)
}

/** What is cut shows it, so that nobody takes a part for the whole. */
export const cutAt = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}${CUT}` : text

/** A note below a row, in lines of its own. A longer word, such as a path, stays whole. */
export function wrapped(text: string, columns: number): string[] {
  const found: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns - GAP.length) {
      found.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  if (line !== '') found.push(line)
  return found.map((each) => `${GAP}${each}`)
}
