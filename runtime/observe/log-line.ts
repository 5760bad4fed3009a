import type { LogFields, LogFormat, LogLevel } from './log.js'
import { printable, printableLines } from './printable.js'
import { serializeError } from './serialize-error.js'

export interface LogEntry {
  readonly wallMs: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** Keys whose values never reach a log, at any depth. */
const SECRET_KEY = /^(secret|password|proof|credential|authorization)$/i
const RESERVED = new Set(['at', 'level', 'message'])

/** One log line without its line break. */
export function formatLine(format: LogFormat, entry: LogEntry): string {
  return format === 'json' ? jsonLine(entry) : textLine(entry)
}

/** `{"at","level","message",...fields}`; a field of one of these names gets an underscore. */
function jsonLine({ wallMs, level, message, fields }: LogEntry): string {
  const line: Record<string, unknown> = { at: new Date(wallMs).toISOString(), level, message }
  for (const [key, value] of Object.entries(fields)) line[RESERVED.has(key) ? `${key}_` : key] = value
  return stringify(line)
}

/** `12:00:00.000 warn  [worker w1] message key=value`, with a stack below, for people at a terminal. */
function textLine({ wallMs, level, message, fields }: LogEntry): string {
  const { component, role, node, ...others } = fields
  const time = new Date(wallMs).toISOString().slice(11, 23)
  const origin = [component ?? role, node].filter((part) => part !== undefined).join(' ')
  const parts = [
    time,
    level.padEnd(5),
    ...(origin === '' ? [] : [`[${printable(origin)}]`]),
    printable(message),
  ]
  let stack = ''
  for (const [key, value] of Object.entries(others)) {
    if (value === undefined) continue
    if (value instanceof Error) stack += `\n${indent(value.stack ?? value.message)}${causesOf(value)}`
    else parts.push(`${key}=${SECRET_KEY.test(key) ? '[removed]' : textValue(value)}`)
  }
  return parts.join(' ') + stack
}

function textValue(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : stringify(value)
}

function causesOf(error: Error, depth = 0): string {
  const { cause } = error
  if (!(cause instanceof Error) || depth > 4) return ''
  return `\n${indent(`caused by ${cause.stack ?? cause.message}`)}${causesOf(cause, depth + 1)}`
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${printable(line.trimEnd())}`)
    .join('\n')
}

function stringify(value: unknown): string {
  const ancestors: unknown[] = []
  const text = JSON.stringify(value, function (this: unknown, key, inner: unknown) {
    if (SECRET_KEY.test(key)) return '[removed]'
    if (typeof inner === 'bigint') return inner.toString()
    if (inner instanceof Error) return serializeError(inner)
    if (inner instanceof Map) return Object.fromEntries(inner)
    if (inner instanceof Set) return [...inner]
    if (typeof inner !== 'object' || inner === null) return inner
    // `this` holds the value, so what is above it in the list is its path from the root.
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop()
    if (ancestors.includes(inner)) return '[circular]'
    ancestors.push(inner)
    return inner
  })
  // People read lines of JSON at terminals as well.
  return printableLines(text ?? 'undefined')
}
