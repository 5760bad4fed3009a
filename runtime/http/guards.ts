import type { MiddlewareHandler } from 'hono'
import { refusal } from './refusal.js'

/**
 * Keeps a web page from reaching a cluster through the browser of somebody on this machine. It refuses an
 * unknown Host (DNS rebinding), a foreign Origin, and bodies that a form can send.
 */
export interface GuardOptions {
  /** Host names, without port, under which this server may be called. */
  readonly allowedHosts: ReadonlySet<string>
  /** Origins whose pages may ask who leads: those of the other Masters. */
  readonly friends?: () => readonly string[]
}

/** Forms of our own pages go to paths that begin so. The routes there check who sent them. */
export const FORM_PATH = '/do/'
/** What a page of another Master may read here, without a login and without credentials. */
const FRIENDLY_PATH = '/leader'
const FORM = 'application/x-www-form-urlencoded'

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

const isType = (contentType: string | undefined, type: string): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === type

/** Refuses what a browser may send in another page's name. Everything else passes. */
export function guards({ allowedHosts, friends = () => [] }: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const header = context.req.header('host') ?? ''
    const host = hostOfHeader(header)
    if (host === undefined || !allowedHosts.has(host)) {
      return context.json(refusal('HTTP_REFUSED', 'This Host is not a name of this server.'), 403)
    }
    const origin = context.req.header('origin')
    if (origin !== undefined && !isOwnOrigin(origin, header)) {
      const asksLeader = context.req.method === 'GET' && context.req.path === FRIENDLY_PATH
      if (asksLeader && friends().includes(origin.toLowerCase())) {
        context.header('access-control-allow-origin', origin)
        context.header('vary', 'origin')
        return next()
      }
      return context.json(refusal('HTTP_REFUSED', 'Requests of other sites are refused.'), 403)
    }
    const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(context.req.method)
    const type = context.req.header('content-type')
    const isForm = context.req.path.startsWith(FORM_PATH) && isType(type, FORM)
    if (hasBody && !isForm && !isType(type, 'application/json')) {
      return context.json(refusal('HTTP_REFUSED', 'Only application/json is taken.'), 415)
    }
    return next()
  }
}
