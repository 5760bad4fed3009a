import type { ByteText } from './arguments.js'

/* How a value stands in a command for `sh`, by where its placeholder stands. Pure. */

/** Where a placeholder stands: in no quotes, in quotes of the user's, or in a comment of no matter. */
export type Quotes = 'none' | 'single' | 'double'

const plainWord = /^[A-Za-z0-9_+./-]+$/

/** One word, whatever it contains. It looks as GNU parallel writes it. */
export function shellWord(text: ByteText): ByteText {
  if (text === '') return "''"
  if (plainWord.test(text)) return text
  return `'${text.replaceAll("'", `'"'"'`)}'`.replace(/^''|''$/g, '')
}

/** The value itself, inside the quotes that the user wrote. */
export function inQuotes(text: ByteText, quotes: Quotes): ByteText {
  switch (quotes) {
    case 'none':
      return shellWord(text)
    case 'single':
      return text.replaceAll("'", `'"'"'`)
    case 'double':
      return text.replace(/[$`"\\]/g, '\\$&')
  }
}

/**
 * Follows the quotes of a command from its beginning. Command substitutions begin anew in their own quotes.
 */
export class QuoteScanner {
  readonly #open: (Quotes | '(' | '`')[] = []

  get quotes(): Quotes {
    const last = this.#open.at(-1)
    return last === 'single' || last === 'double' ? last : 'none'
  }

  /** Reads a further part of the command. */
  read(text: ByteText): void {
    for (let at = 0; at < text.length; at++) at += this.#step(text, at)
  }

  /** How many characters more than one it has read. */
  #step(text: ByteText, at: number): number {
    const char = text[at]
    const quotes = this.quotes
    if (quotes === 'single') {
      if (char === "'") this.#open.pop()
      return 0
    }
    if (char === '\\') return 1
    if (char === '"') this.#toggle('double')
    else if (char === '`') this.#toggle('`')
    else if (char === "'" && quotes === 'none') this.#open.push('single')
    else if (char === '$' && text[at + 1] === '(') {
      this.#open.push('(')
      return 1
    } else if (char === '(' && quotes === 'none') this.#open.push('(')
    else if (char === ')' && this.#open.at(-1) === '(') this.#open.pop()
    return 0
  }

  #toggle(mark: 'double' | '`'): void {
    if (this.#open.at(-1) === mark) this.#open.pop()
    else this.#open.push(mark)
  }
}
