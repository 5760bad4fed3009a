import { type Context, Hono } from 'hono'
import { limits } from '../limits.js'
import { pageDocument } from './layout.js'
import { LiveStreams } from './live-streams.js'
import { isPageFile, pageFile } from './page-files.js'
import { dataHeaders, fileHeaders, pageHeaders } from './page-headers.js'
import type { PageSet } from './page-set.js'

export interface ServePagesOptions<V> {
  readonly pages: PageSet<V>
  /** Origins of all Masters of the cluster, and of those that are another node. */
  readonly masters: (view: V) => readonly string[]
  readonly others: (view: V) => readonly string[]
  /** What an open page must know beside its text. */
  readonly hello: (view: V) => object
  readonly onError?: (error: unknown) => void
}

/** Path and query of a request. */
const targetOf = ({ req }: Context): string => {
  const { pathname, search } = new URL(req.url)
  return pathname + search
}

/** All pages of a node, the stream that keeps them current, and their files. */
export function servePages<V>({ pages, masters, others, hello, onError }: ServePagesOptions<V>): Hono {
  const routes = new Hono()
  const streams = new LiveStreams(onError ? { onError } : {})
  for (const pattern of pages.patterns) {
    routes.get(pattern, (context) => {
      const target = targetOf(context)
      const { status, title, live, have } = pages.text(target)
      const { view } = pages
      const stream = `/live?of=${encodeURIComponent(target)}`
      const text = pageDocument({ title, live, have, stream, others: others(view) })
      return new Response(text, { status, headers: pageHeaders(masters(view)) })
    })
  }
  routes.get('/live', (context) => {
    const of = context.req.query('of') ?? '/'
    if (!of.startsWith('/') || of.length > limits.pageTargetChars) return context.body(null, 400)
    const have = context.req.header('last-event-id') ?? context.req.query('have') ?? ''
    const look = () => {
      const { have: newer, live } = pages.text(of)
      return { have: newer, text: live.toString() }
    }
    const answer = streams.open(have, look, hello(pages.view))
    return answer ?? new Response(null, { status: 503, headers: dataHeaders('text/plain') })
  })
  routes.get('/assets/:name', (context) => {
    const name = context.req.param('name')
    if (!isPageFile(name)) return context.notFound()
    const { bytes, type } = pageFile(name)
    return new Response(new Uint8Array(bytes), { headers: fileHeaders(type) })
  })
  // Any other address, where a browser asks for a page.
  routes.get('*', (context, next) => {
    if (!(context.req.header('accept') ?? '').includes('text/html')) return next()
    const { status, title, live, have } = pages.text(targetOf(context))
    const text = pageDocument({ title, live, have })
    return Promise.resolve(new Response(text, { status, headers: pageHeaders(masters(pages.view)) }))
  })
  return routes
}
