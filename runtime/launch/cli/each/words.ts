import type { Console } from '../console.js'
import { type ByteText, byteText } from './arguments.js'

/**
 * The words of the command line as bytes. Node reads them as UTF-8 and puts U+FFFD for the rest; the system
 * has the bytes.
 */
export function byteWords(io: Console, words: readonly string[]): ByteText[] {
  if (words.some((word) => word.includes('\ufffd'))) {
    // They are the last ones of the command line, because every word after COMMAND is one of them.
    const raw = (io.argvBytes?.() ?? []).slice(-words.length)
    if (raw.length === words.length && raw.every((bytes, index) => bytes.toString('utf8') === words[index])) {
      return raw.map((bytes) => bytes.toString('latin1'))
    }
  }
  return words.map(byteText)
}
