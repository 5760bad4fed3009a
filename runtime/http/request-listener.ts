import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { getRequestListener } from '@hono/node-server'
import { Hono, type MiddlewareHandler } from 'hono'
import { isFiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { guards } from './guards.js'
import { refusal } from './refusal.js'

/* What answers a request. The server imports this file for its first request. */

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export interface RequestListenerOptions {
  /** Address on which the server listens. */
  readonly host: string
  /** Made for the first request, so that a node loads hono only if somebody asks it something. */
  readonly routes: () => Hono | Promise<Hono>
  /** Further names under which it may be called, such as `advertise`. */
  readonly allowedHosts?: readonly string[]
  /** Origins of the pages of other Masters. */
  readonly friends?: () => readonly string[]
  /** A route threw. The client got 500. */
  readonly onError?: (error: unknown) => void
}

export async function requestListener(options: RequestListenerOptions): Promise<RequestListener> {
  const app = await guarded(options)
  // The first request builds the router, and runs what makes answers for the first time. Nobody waits for
  // this one, and the guards refuse it.
  await app.request('/')
  return getRequestListener(app.fetch, { overrideGlobalObjects: false })
}

/** Names that always mean this server: loopback, the address it listens on, and this machine. */
export function ownHosts(host: string, more: readonly string[] = []): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '::1', hostname(), host, ...more]
  return new Set(names.map((name) => name.toLowerCase()))
}

/**
 * Hono answers HEAD as GET and drops the body. A body that is neither read nor cancelled would keep what it
 * holds: a text, a stream of a page, a place among downloads.
 */
const cancelUnread: MiddlewareHandler = async (context, next) => {
  await next()
  if (context.req.method === 'HEAD') await context.res.body?.cancel()
}

async function guarded(options: RequestListenerOptions): Promise<Hono> {
  const app = new Hono()
  app.use(cancelUnread)
  const allowedHosts = ownHosts(options.host, options.allowedHosts)
  app.use(guards({ allowedHosts, ...(options.friends && { friends: options.friends }) }))
  app.route('/', await options.routes())
  app.notFound((context) => context.json(refusal('HTTP_NOT_FOUND', 'There is nothing here.'), 404))
  app.onError((error, context) => {
    // A request for something that this node cannot do yet is no defect.
    if (isFiresteelError(error)) {
      context.header('retry-after', String(limits.httpRetryAfterSeconds))
      return context.json({ error: { code: error.code, message: error.message } }, 503)
    }
    options.onError?.(error)
    return context.json(refusal('INTERNAL', 'The server failed.'), 500)
  })
  return app
}
