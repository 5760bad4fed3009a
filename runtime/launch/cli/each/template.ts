import type { ByteText } from './arguments.js'
import { inQuotes, QuoteScanner, type Quotes } from './quoting.js'
import type { Arguments } from './records.js'

/* Commands of `each`: replacement strings as in GNU parallel. Pure. */

/** `{.}`: without the last extension. */
export const withoutExtension = (value: ByteText): ByteText => value.replace(/\.[^/.]*$/, '')
const baseOf = (value: ByteText): ByteText => value.slice(value.lastIndexOf('/') + 1)

/** `{//}`: what is before the last part. */
export function folderOf(value: ByteText): ByteText {
  const found = /^(.*?)\/+[^/]*\/*$/s.exec(value.replace(/\/+$/, ''))
  if (found === null) return value.startsWith('/') ? '/' : '.'
  return found[1] === '' ? '/' : found[1]!
}

const values: Readonly<Record<string, (value: ByteText) => ByteText>> = {
  '': (value) => value,
  '.': withoutExtension,
  '/': baseOf,
  '//': folderOf,
  '/.': (value) => withoutExtension(baseOf(value)),
}

const placeholder = /\{(-?\d+)?(\/\/|\/\.|\/|\.|)\}|\{#\}/g

interface Placeholder {
  /**
   * `number`: the number of the command. `all`: every argument. Otherwise the argument from 1, or from the
   * last.
   */
  readonly which: 'number' | 'all' | number
  readonly value: (value: ByteText) => ByteText
  readonly quotes: Quotes
}

export interface Template {
  readonly parts: readonly (ByteText | Placeholder)[]
}

/**
 * Without a placeholder for arguments they are appended, unless that is not wanted. An empty text takes the
 * arguments as the command.
 */
export function parseTemplate(text: ByteText, { appends = true } = {}): Template {
  const parts: (ByteText | Placeholder)[] = []
  const scanner = new QuoteScanner()
  let from = 0
  let namesArguments = false
  for (const found of text.matchAll(placeholder)) {
    const between = text.slice(from, found.index)
    scanner.read(between)
    parts.push(between)
    from = found.index + found[0].length
    const number = found[1] === undefined ? 'all' : Number(found[1])
    const which = found[0] === '{#}' ? 'number' : number
    namesArguments ||= which !== 'number'
    parts.push({ which, value: values[found[2] ?? '']!, quotes: scanner.quotes })
  }
  parts.push(text.slice(from))
  if (appends && !namesArguments) parts.push(' ', { which: 'all', value: values['']!, quotes: 'none' })
  return { parts }
}

/** The command of these arguments. `number` counts from 1. */
export function commandOf({ parts }: Template, args: Arguments, number: number): ByteText {
  return parts.map((part) => (typeof part === 'string' ? part : replacement(part, args, number))).join('')
}

/** The text of these arguments, for people: nothing is quoted. */
export function textOf({ parts }: Template, args: Arguments, number: number): ByteText {
  return parts
    .map((part) => (typeof part === 'string' ? part : replacement(part, args, number, (value) => value)))
    .join('')
}

/** The values are the commands themselves. */
export const commandOfValues = (args: Arguments): ByteText => args.join(' ')

function replacement(
  { which, value, quotes }: Placeholder,
  args: Arguments,
  number: number,
  quoted = inQuotes,
): ByteText {
  if (which === 'number') return String(number)
  if (which === 'all') return args.map((arg) => quoted(value(arg), quotes)).join(' ')
  const arg = args.at(which > 0 ? which - 1 : which)
  return arg === undefined ? '' : quoted(value(arg), quotes)
}
