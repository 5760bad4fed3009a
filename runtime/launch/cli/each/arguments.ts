import { innerLimits } from '../../../inner-limits.js'

/* The words after `each` and its options, as GNU parallel reads them. Pure. */

/**
 * Text whose characters are bytes (latin1). Names of files need not be UTF-8, and a command gets the bytes
 * that were given.
 */
export type ByteText = string

export const bytesOf = (text: ByteText): Buffer => Buffer.from(text, 'latin1')
/** For people: bytes that are not UTF-8 become U+FFFD. */
export const readable = (text: ByteText): string => bytesOf(text).toString('utf8')
export const byteText = (text: string): ByteText => Buffer.from(text, 'utf8').toString('latin1')

/** Where values come from. `linked`: its values go together with those of the source before. */
export type Source =
  | { readonly kind: 'values'; readonly values: readonly ByteText[]; readonly linked: boolean }
  | { readonly kind: 'file'; readonly path: ByteText; readonly linked: boolean }

export interface EachArguments {
  /** Empty: the values are the commands. */
  readonly template: ByteText
  /** Empty: standard input. */
  readonly sources: readonly Source[]
}

const separators: Readonly<Record<string, { readonly file: boolean; readonly linked: boolean }>> = {
  ':::': { file: false, linked: false },
  ':::+': { file: false, linked: true },
  '::::': { file: true, linked: false },
  '::::+': { file: true, linked: true },
}

/**
 * `COMMAND [ITEM...]`, or `WORD... ::: VALUE... [::: VALUE...] [:::: FILE...]`. A file named `-` is standard
 * input.
 */
export function splitArguments(words: readonly ByteText[]): EachArguments {
  const first = words.findIndex((word) => word in separators)
  if (first === -1) {
    const [template = '', ...items] = words
    const source: Source = { kind: 'values', values: items, linked: false }
    return { template, sources: items.length === 0 ? [] : [source] }
  }
  const sources: Source[] = []
  for (let at = first; at < words.length; ) {
    const { file, linked } = separators[words[at]!]!
    const next = words.findIndex((word, index) => index > at && word in separators)
    const values = words.slice(at + 1, next === -1 ? words.length : next)
    if (file) sources.push(...values.map((path) => ({ kind: 'file', path, linked }) as const))
    else sources.push({ kind: 'values', values, linked })
    at = next === -1 ? words.length : next
  }
  return { template: words.slice(0, first).join(' '), sources }
}

/**
 * The application of a command is named by its program alone: names are shown to everybody who sees the
 * cluster, and arguments may be secret. What is no plain word, such as `PASSWORD=... program`, names none.
 */
export function applicationName(template: ByteText): string {
  const [, program = ''] = /^\s*(?:[\w.+@/-]*\/)?([\w.+@-]+)(?=\s|$)/.exec(template) ?? []
  return `each ${program.slice(0, innerLimits.eachNameChars)}`.trimEnd()
}
