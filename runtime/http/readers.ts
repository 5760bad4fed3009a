import { isIPv4 } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { refusal } from './refusal.js'

/** Who may read a page without a login: whoever reaches the port, programs of this machine, or nobody. */
export const readers = ['everyone', 'loopback', 'nobody'] as const
export type Readers = (typeof readers)[number]
/** Pages show what runs and what it has written, so they are never open to everyone. */
export const pageReaders = ['loopback', 'nobody'] as const satisfies readonly Readers[]
export type PageReaders = (typeof pageReaders)[number]

/** What the HTTP server gives each request of a connection. */
interface Bindings {
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } }
}

/** The connection is from this machine. An IPv4 address may be written as an IPv6 one. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '')
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

/** Lets these readers through. It goes by the address that the connection comes from, never by a header. */
export function readableBy(who: Readers): MiddlewareHandler {
  return async (context, next) => {
    if (who === 'everyone') return next()
    if (who === 'nobody') return context.json(refusal('HTTP_NOT_FOUND', 'There is nothing here.'), 404)
    const address = (context.env as Bindings | undefined)?.incoming?.socket.remoteAddress
    if (address !== undefined && isLoopback(address)) return next()
    return context.json(refusal('HTTP_REFUSED', 'Only programs of this machine may read this.'), 403)
  }
}
