import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context, Hono } from 'hono'
import { limits } from '../limits.js'
import { roleOf } from '../transport/token.js'
import { type Html, html } from './html.js'
import { type Page, pageDocument } from './layout.js'
import { LiveStreams } from './live-streams.js'
import { isPageFile, pageFile } from './page-files.js'
import { dataHeaders, fileHeaders, pageHeaders } from './page-headers.js'
import type { PageSet, PageText } from './page-set.js'
import type { Session, Sessions } from './sessions.js'
import { sessionOf } from './visitors.js'
import { durationText } from './words.js'

export interface PageSiteOptions<V> {
  /** For all who may see all. */
  readonly pages: PageSet<V>
  /** What this session sees instead. Absent: all see the same. */
  readonly pagesOf?: (session: Session) => PageSet<V>
  readonly sessions: Sessions
  /** Origins of all Masters of the cluster, and of those that are another node. */
  readonly masters: (view: V) => readonly string[]
  readonly others: (view: V) => readonly string[]
  /** What an open page must know beside its text. */
  readonly hello: (view: V) => { readonly leads?: boolean }
  readonly wallMs: () => number
  readonly onError: (error: unknown) => void
}

export interface Answer {
  readonly status?: 200 | 400 | 401 | 403 | 404 | 409 | 502
  readonly headers?: Readonly<Record<string, string>>
  /** It has a form. */
  readonly form?: true
  /** Goes there at once. */
  readonly refresh?: string
}

/** What makes an answer for one request, whatever the node shows. */
export interface AnswersPages {
  readonly sessions: Sessions
  session(context: Context): Session | undefined
  answer(context: Context, page: Page, answer?: Answer): Response
}

/** Path and query of a request. */
export function targetOf({ req }: Context): string {
  const { pathname, search } = new URL(req.url)
  return pathname + search
}

/** All that a node answers for people: its pages, the streams that keep them current, and their files. */
export class PageSite<V> implements AnswersPages {
  readonly #options: PageSiteOptions<V>
  readonly #streams: LiveStreams

  constructor(options: PageSiteOptions<V>) {
    this.#options = options
    this.#streams = new LiveStreams({ onError: options.onError })
  }

  get sessions(): Sessions {
    return this.#options.sessions
  }

  /** Of the whole node. */
  get view(): V {
    return this.#options.pages.view
  }

  /** What whoever asks may see of it. */
  viewFor(context: Context): V {
    return this.#pages(this.session(context)).view
  }

  #pages(session: Session | undefined): PageSet<V> {
    const { pages, pagesOf } = this.#options
    return session && pagesOf ? pagesOf(session) : pages
  }

  session(context: Context): Session | undefined {
    return sessionOf(this.sessions, context)
  }

  /** A page that is for this request alone and does not change while it is open. */
  answer(context: Context, page: Page, { status = 200, headers, form, refresh }: Answer = {}): Response {
    const { pathname } = new URL(context.req.url)
    const text = this.#pages(this.session(context)).still(page, pathname)
    return this.#document(
      context,
      { ...text, status },
      { ...(refresh !== undefined && { refresh }) },
      // A form says where it comes from only if its page may. Other origins are told nothing all the same.
      { ...headers, ...(form && { 'referrer-policy': 'same-origin' }) },
    )
  }

  addTo(routes: Hono): void {
    const { pages } = this.#options
    for (const pattern of pages.patterns) {
      routes.get(pattern, async (context) => {
        const target = targetOf(context)
        const stream = `/live?of=${encodeURIComponent(target)}`
        const text = await this.#textInTurns(context, target)
        return this.#document(context, text, text.isStill ? {} : { stream })
      })
    }
    routes.get('/live', (context) => this.#live(context))
    routes.get('/assets/:name', (context) => {
      const name = context.req.param('name')
      if (!isPageFile(name)) return context.notFound()
      const { bytes, type } = pageFile(name)
      return new Response(new Uint8Array(bytes), { headers: fileHeaders(type) })
    })
  }

  /**
   * The first reader of a large cluster meets new rows and cold code. So the request, the view and the
   * document have a turn each, the page as many as it needs, and other work has its turn between them.
   */
  async #textInTurns(context: Context, target: string): Promise<PageText> {
    await nextTurn()
    const text = await this.#pages(this.session(context)).text(target)
    await nextTurn()
    return text
  }

  /** Any other address, where a browser asks for a page. To be added last. */
  addMissingTo(routes: Hono): void {
    routes.get('*', async (context, next) => {
      if (!(context.req.header('accept') ?? '').includes('text/html')) return next()
      return this.#document(context, await this.#textInTurns(context, targetOf(context)), {})
    })
  }

  #live(context: Context): Response {
    const { pages, others, hello } = this.#options
    const of = context.req.query('of') ?? '/'
    if (!of.startsWith('/') || of.length > limits.pageTargetChars) return new Response(null, { status: 400 })
    const have = context.req.header('last-event-id') ?? context.req.query('have') ?? ''
    const session = this.session(context)
    const shown = this.#pages(session)
    const look = async () => {
      const { have: newer, live } = await shown.text(of)
      return { have: newer, text: live.toString() }
    }
    // Without its Master an open page goes on at another one, and its session with it.
    const extra = () => {
      if (!session) return {}
      const ticket = (origin: string) => [origin, this.sessions.ticket(origin, session)]
      return { tickets: Object.fromEntries(others(pages.view).map(ticket)) }
    }
    const isOver = () => session !== undefined && this.sessions.hasEnded(session)
    const answer = this.#streams.open(have, { look, hello: () => hello(pages.view), extra, isOver })
    return answer ?? new Response(null, { status: 503, headers: dataHeaders('text/plain') })
  }

  #document(
    context: Context,
    { status, title, live, foot, have }: Omit<PageText, 'status' | 'isStill'> & { readonly status: number },
    extra: { readonly stream?: string; readonly refresh?: string },
    headers: Readonly<Record<string, string>> = {},
  ): Response {
    const { masters, others } = this.#options
    const { view } = this
    const text = pageDocument({
      title,
      live,
      have,
      foot,
      others: others(view),
      leads: extra.stream !== undefined && this.#options.hello(view).leads === true,
      visitor: this.#visitor(this.session(context)),
      ...extra,
    })
    return new Response(text, { status, headers: { ...pageHeaders(masters(view)), ...headers } })
  }

  /** Says what this reader may do. It stands outside of what all readers share. */
  #visitor(session: Session | undefined): Html {
    if (!session) return html`You can read, and change nothing. <a href="/session">Sign in</a>`
    const left = durationText(Math.max(0, session.endsAtMs - this.#options.wallMs()))
    return html`You are signed in for ${left} (${roleOf(session.subject)}). <a href="/session">Sign out</a>`
  }
}
