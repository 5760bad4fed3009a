import { html as escaped, raw } from 'hono/html'
import { printable } from '../observe/printable.js'

/** Markup that may stand in a page as it is. Only `html` makes it. */
export type Html = InstanceType<typeof String> & { readonly isEscaped: true }

/**
 * What may stand in markup. `false`, `null` and `undefined` are nothing, so that `condition && html` works.
 */
export type Part = string | number | Html | false | null | undefined | readonly Part[]

/**
 * Markup with values. Every text is made printable and is escaped, in whatever place of the markup it stands,
 * because each text may be a stranger's. A plain object is no markup, whatever it says of itself: it may have
 * come from a message.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return escaped(strings, ...values.map(safe)) as unknown as Html
}

function safe(value: Part): unknown {
  if (typeof value === 'string') return printable(value)
  if (Array.isArray(value)) return value.map(safe)
  if (typeof value !== 'object' || value === null || value instanceof String) return value
  throw new TypeError('a page can show texts, numbers and markup only')
}

/** A picture that escapes its texts by itself, as `sequenceSvg` does. */
export const picture = (svg: string): Html => raw(svg) as unknown as Html

/** The whole text, for a page of its own. */
export const document = (page: Html): string => `<!doctype html>\n${page}`

/** Nothing. */
export const nothing = raw('') as unknown as Html
