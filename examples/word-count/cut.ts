/**
 * Where text may be cut without changing its words: after a line end, or a space, tab, comma, semicolon or bracket.
 * These are never inside a UTF-8 character, are no part of a word, and end what lower-casing looks at (a Greek sigma is
 * written differently at the end of a word; a full stop or an apostrophe would not end its word, so they are not here).
 */
const SEPARATORS = new Set(Buffer.from('\n\r \t,;()[]{}'))

/** Index behind the first separator from `from` on; -1 where there is none. */
export function cutIn(buffer: Buffer, from: number): number {
  for (let index = from; index < buffer.length; index++) {
    if (SEPARATORS.has(buffer[index]!)) return index + 1
  }
  return -1
}
