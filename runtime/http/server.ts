import { hostname } from 'node:os'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { FiresteelError, reasonOf } from '../errors.js'
import { guards } from './guards.js'

export interface HttpServerOptions {
  /** Address to listen on. */
  readonly host: string
  /** 0 is any free port. */
  readonly port: number
  readonly routes: Hono
  /** Further names under which it may be called, such as `advertise`. */
  readonly allowedHosts?: readonly string[]
  /** A route threw; the caller got 500. */
  readonly onError?: (error: unknown) => void
}

export interface HttpServer {
  /** The port it listens on. */
  readonly port: number
  /** Stops listening and cuts what is open; resolves when nothing is left. */
  close(): Promise<void>
}

/** Names that always mean this server: loopback, the address it listens on, this machine. */
export function ownHosts(host: string, more: readonly string[] = []): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '::1', hostname(), host, ...more]
  return new Set(names.map((name) => name.toLowerCase()))
}

function guarded(options: HttpServerOptions): Hono {
  const app = new Hono()
  app.use(guards({ allowedHosts: ownHosts(options.host, options.allowedHosts) }))
  app.route('/', options.routes)
  app.notFound((context) =>
    context.json({ error: { code: 'FIRESTEEL_HTTP_NOT_FOUND', message: 'There is nothing here.' } }, 404),
  )
  app.onError((error, context) => {
    options.onError?.(error)
    return context.json({ error: { code: 'FIRESTEEL_INTERNAL', message: 'The server failed.' } }, 500)
  })
  return app
}

function listenError(cause: NodeJS.ErrnoException, { host, port }: HttpServerOptions): FiresteelError {
  const place = `${host}:${port}`
  if (cause.code === 'EADDRINUSE') {
    return new FiresteelError('PORT_IN_USE', `The HTTP port ${place} is taken.`, { place, cause })
  }
  return new FiresteelError('CONFIG_INVALID', `HTTP cannot listen on ${place}: ${reasonOf(cause)}.`, {
    place,
    cause,
  })
}

/** Serves `routes` behind the guards. Rejects with PORT_IN_USE, or CONFIG_INVALID for an address that is not ours. */
export function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host: hostName, port } = options
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: guarded(options).fetch, hostname: hostName, port }, (info) => {
      server.removeListener('error', onStartError)
      server.on('error', (error) => options.onError?.(error))
      resolve({ port: info.port, close })
    })
    const onStartError = (error: NodeJS.ErrnoException): void => reject(listenError(error, options))
    server.once('error', onStartError)
    const close = (): Promise<void> =>
      new Promise((closed) => {
        server.close(() => closed())
        // Kept-alive connections and streams would hold the end back for ever.
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
  })
}
