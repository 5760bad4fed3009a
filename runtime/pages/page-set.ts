import { createHash } from 'node:crypto'
import type { Html, Part } from './html.js'
import { type Frame, livePart, type Page } from './layout.js'
import { SharedView } from './shared-view.js'

/** What a page is made from. */
export interface PageQuery<V> {
  readonly view: V
  /** The named parts of its path, such as `id`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly nowMs: number
}

/** Makes a page, and yields where other work may have its turn. */
export type PageMaking = Generator<void, Page | undefined, undefined>

/** Undefined: there is no such thing. */
export type MakePage<V> = (query: PageQuery<V>) => Page | PageMaking | undefined

/** A page as it is sent. */
export interface PageText {
  readonly status: 200 | 404
  readonly title: string
  readonly live: Html
  readonly foot: Part
  /** It stays as it is while it is open. */
  readonly isStill: boolean
  /** The same text has the same. */
  readonly have: string
}

interface Entry<V> {
  readonly parts: readonly string[]
  readonly make: MakePage<V>
}

export interface PageSetOptions<V> {
  /** The state of the node. It must not change afterwards. */
  readonly take: () => V
  readonly frame: (view: V) => Frame
  readonly wallMs: () => number
  /** For the age of a view. Default: this process's clock. */
  readonly monotonicMs?: () => number
  /** The page for a path that no page has, and for an id that nothing has. */
  readonly missing: (path: string) => Page
}

/** All pages of a node, by path. Each is made once for all who read it at the same time. */
export class PageSet<V> {
  readonly #options: PageSetOptions<V>
  readonly #shared: SharedView<V>
  readonly #entries: Entry<V>[] = []

  constructor(options: PageSetOptions<V>) {
    this.#options = options
    this.#shared = new SharedView(options.take, options.monotonicMs)
  }

  get view(): V {
    return this.#shared.view
  }

  /** The patterns of all pages, such as `/workers/:id`. */
  get patterns(): string[] {
    return this.#entries.map(({ parts }) => `/${parts.join('/')}`)
  }

  /** Adds a page. A part of its path that begins with a colon is any text. */
  add(pattern: string, make: MakePage<V>): this {
    this.#entries.push({ parts: partsOf(pattern), make })
    return this
  }

  /** The page at `target`, a path with a query. */
  async text(target: string): Promise<PageText> {
    const made = (): Promise<PageText> => this.#shared.made(target, (view) => this.#make(target, view))
    const text = await made()
    return text.status === 404 && this.#shared.renew() ? made() : text
  }

  /** A page that is made for one reader, in the same frame. */
  still(page: Page, path: string): PageText {
    return this.#framed(page, path, this.view)
  }

  *#make(target: string, view: V): Generator<void, PageText, undefined> {
    const { pathname, searchParams: query } = new URL(target, 'http://node')
    const nowMs = this.#options.wallMs()
    const found = this.#find(pathname)
    const making = found?.make({ view, params: found.params, query, nowMs })
    const made = making && 'next' in making ? yield* making : making
    yield
    return this.#framed(made ?? this.#options.missing(pathname), pathname, view)
  }

  #framed(page: Page, path: string, view: V): PageText {
    const frame = this.#options.frame(view)
    const live = livePart(frame, page, path)
    return {
      status: page.status ?? 200,
      title: `${page.title} · ${frame.cluster}`,
      live,
      foot: frame.foot,
      isStill: page.isStill === true,
      have: createHash('sha256').update(live.toString()).digest('base64url').slice(0, 16),
    }
  }

  #find(path: string): { make: MakePage<V>; params: Record<string, string> } | undefined {
    const asked = partsOf(path)
    for (const { parts, make } of this.#entries) {
      const params = match(parts, asked)
      if (params) return { make, params }
    }
    return undefined
  }
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '')

function match(parts: readonly string[], asked: readonly string[]): Record<string, string> | undefined {
  if (parts.length !== asked.length) return undefined
  const params: Record<string, string> = {}
  for (const [at, part] of parts.entries()) {
    const given = asked[at] as string
    if (part.startsWith(':')) {
      const value = decoded(given)
      if (value === undefined) return undefined
      params[part.slice(1)] = value
    } else if (part !== given) return undefined
  }
  return params
}

/** Undefined: it is not what a browser makes of a text. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
