import type { MiddlewareHandler } from 'hono'
import { refusal } from './refusal.js'

/**
 * Keeps a web page from reaching a cluster through the browser of somebody on this machine. It refuses an
 * unknown Host (DNS rebinding), a foreign Origin, and bodies that a form can send.
 */
export interface GuardOptions {
  /** Host names, without port, under which this server may be called. */
  readonly allowedHosts: ReadonlySet<string>
}

/** Host of a Host header: lower case, without port, brackets around IPv6 removed. Undefined if it is none. */
export function hostOfHeader(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(header.toLowerCase())
  return match?.[1] ?? match?.[2]
}

/** An Origin is ours if it names the server that was called. */
export function isOwnOrigin(origin: string, host: string): boolean {
  const lower = origin.toLowerCase()
  return lower === `http://${host.toLowerCase()}` || lower === `https://${host.toLowerCase()}`
}

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json'

/** Refuses what a browser may send in another page's name. Everything else passes. */
export function guards({ allowedHosts }: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const header = context.req.header('host') ?? ''
    const host = hostOfHeader(header)
    if (host === undefined || !allowedHosts.has(host)) {
      return context.json(refusal('HTTP_REFUSED', 'This Host is not a name of this server.'), 403)
    }
    const origin = context.req.header('origin')
    if (origin !== undefined && !isOwnOrigin(origin, header)) {
      return context.json(refusal('HTTP_REFUSED', 'Requests of other sites are refused.'), 403)
    }
    const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(context.req.method)
    if (hasBody && !isJson(context.req.header('content-type'))) {
      return context.json(refusal('HTTP_REFUSED', 'Only application/json is taken.'), 415)
    }
    return next()
  }
}
