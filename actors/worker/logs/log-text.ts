/* How the text of a program stands on a page. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant
const COLOURS = /\u001b\[[0-9;:]*m/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant
const ZEROS = /\u0000+/g

const TAB = 8

/**
 * A line as a terminal shows it: tabs reach the next stop, and colours are left out. Every other character
 * that is not to be seen is written as an escape by the page itself.
 */
export function shownLine(text: string): string {
  const plain = text.replace(/\r$/, '').replace(COLOURS, '').replace(ZEROS, '\u2026')
  if (!plain.includes('\t')) return plain
  let line = ''
  for (const part of plain.split('\t')) line += part + ' '.repeat(TAB - ((line.length + part.length) % TAB))
  return plain.endsWith('\t') ? line : line.trimEnd()
}

/** A pattern that finds a text, whatever its case. */
export const patternOf = (sought: string, flags = 'i'): RegExp =>
  new RegExp(sought.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), flags)
