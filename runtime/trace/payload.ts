import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'

/* Messages as traces show them: shortened, and without secrets. */

/** Keys whose values are secrets, at any depth. */
const SECRET_KEY = /secret|password|passwd|passphrase|token|proof|credential|authorization|private|api_?key/i
/** The environment of a user's program may hold anything, so only the names of variables are shown. */
const ENVIRONMENT_KEY = /^(?:env|environment)$/i
/** Arguments of a program may hold passwords, too. */
const ARGUMENTS_KEY = /^(?:args|argv|nodeOptions)$/i
const REMOVED = '[removed]'

const DEPTH_MAX = innerLimits.tracePayloadDepth
const ITEMS_MAX = innerLimits.tracePayloadItems
const TEXT_MAX = innerLimits.tracePayloadChars

/** A copy of plain data. Of more than `tracePayloadBytes` only type and size. */
export function shownPayload(message: { readonly type: string }): unknown {
  const shown = shorten(message, 0)
  const { length } = JSON.stringify(shown)
  return length <= limits.tracePayloadBytes ? shown : { type: message.type, cut: `${length} characters` }
}

function shorten(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return shortenText(value, depth)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof Error) return `[${value.name}]`
  if (depth >= DEPTH_MAX) return '[...]'
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => shorten(item, depth + 1))
    return value.length > ITEMS_MAX ? [...items, `[${value.length - ITEMS_MAX} more]`] : items
  }
  return shortenObject(value, depth)
}

function shortenObject(value: object, depth: number): Record<string, unknown> {
  const shown: [string, unknown][] = []
  const entries = Object.entries(value)
  for (const [key, item] of entries.slice(0, ITEMS_MAX)) shown.push([key, shownUnder(key, item, depth)])
  if (entries.length > ITEMS_MAX) shown.push(['...', `${entries.length - ITEMS_MAX} more`])
  return Object.fromEntries(shown)
}

function shownUnder(key: string, item: unknown, depth: number): unknown {
  if (SECRET_KEY.test(key)) return REMOVED
  if (ENVIRONMENT_KEY.test(key) && typeof item === 'object' && item !== null) {
    return Object.fromEntries(Object.keys(item).map((name) => [name, REMOVED]))
  }
  if (ARGUMENTS_KEY.test(key) && Array.isArray(item)) return `[${item.length} removed]`
  return shorten(item, depth + 1)
}

/** Messages carry records as JSON text. The same keys are secret there. */
function shortenText(text: string, depth: number): string {
  if (/^\s*[[{]/.test(text)) {
    try {
      return shortenPlain(JSON.stringify(shorten(JSON.parse(text), depth + 1)))
    } catch {
      // Not JSON, or cut off: its content is unknown, so it is not shown.
      return `[${text.length} characters]`
    }
  }
  return shortenPlain(text)
}

const shortenPlain = (text: string): string =>
  text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}[${text.length - TEXT_MAX} more]`
