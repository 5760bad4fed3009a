/*
 * What a browser is told about each page. A page may load its style, its script and its pictures from its own
 * server only; it may connect to the Masters of its cluster, and nothing stands inline. No other page may
 * frame it, open it with a handle, or read it.
 */

/** `http://host:port` of a text that another process gave; undefined: it is no address of a web server. */
export function webOrigin(text: string | null | undefined): string | undefined {
  if (!text || !URL.canParse(text)) return undefined
  const { protocol, origin } = new URL(text)
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined
}

const common = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const

const policy = (masters: readonly string[]): string => {
  const others = masters.map((master) => ` ${master}`).join('')
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${others}`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}

/** `masters`: origins of all Masters of the cluster. */
export const pageHeaders = (masters: readonly string[]): Record<string, string> => ({
  ...common,
  'content-type': 'text/html; charset=UTF-8',
  'content-security-policy': policy(masters),
  'cache-control': 'no-store',
})

/** Of a stream and of other answers that are no page. */
export const dataHeaders = (type: string): Record<string, string> => ({
  ...common,
  'content-type': type,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
})

/** Of a file that never changes under its name. */
export const fileHeaders = (type: string): Record<string, string> => ({
  ...dataHeaders(type),
  'cache-control': 'public, max-age=31536000, immutable',
})
