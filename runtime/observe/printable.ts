/*
 * Makes text from elsewhere safe for a terminal: names, ids, reasons, whatever a peer chose. A character that
 * moves the cursor, changes colours, turns the direction of writing or begins a line is shown as JSON writes
 * it.
 */

// C0, DEL, C1; marks and overrides of direction; line and paragraph separators; invisible joiners.
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const shown = (character: string): string =>
  short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** One value, which stays on its line. */
export const printable = (text: string): string => text.replace(UNSAFE, shown)

/**
 * Whole lines that we have put together. Their line breaks and tabs stay. JSON stays the same JSON: a
 * replaced character is inside of a string, and is written as an escape.
 */
export const printableLines = (text: string): string =>
  text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : shown(character),
  )
