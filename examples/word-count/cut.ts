/**
 * Bytes after which text may be cut without changing its words: line end, space, tab, comma, semicolon,
 * bracket. They are never inside a UTF-8 character and no part of a word, and they end the context of
 * lower-casing. (A Greek sigma is written differently at the end of a word. A full stop or an apostrophe does
 * not end that context, so they are left out.)
 */
const SEPARATORS = new Set(Buffer.from('\n\r \t,;()[]{}'))

/** Index after the first separator from `from` on; -1: there is none. */
export function cutIn(buffer: Buffer, from: number): number {
  for (let index = from; index < buffer.length; index++) {
    if (SEPARATORS.has(buffer[index]!)) return index + 1
  }
  return -1
}
