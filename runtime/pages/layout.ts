import { document, type Html, html, type Part } from './html.js'
import { pageFile } from './page-files.js'

export interface NavigationItem {
  readonly href: string
  readonly title: string
  /** How many there are. */
  readonly count?: string
}

/** What stands around the content of every page of a node. */
export interface Frame {
  /** Name of the cluster. */
  readonly cluster: string
  /** What this node is, such as `Master m1`. */
  readonly node: string
  readonly navigation: readonly NavigationItem[]
  /** Stands at the end of the head of a page. */
  readonly aside?: Part
  /** Stands before the content, if something is wrong. */
  readonly banner?: Part
  readonly foot: Part
}

/** A page without its frame. */
export interface Page {
  readonly title: string
  readonly main: Html
  /** Default 200. */
  readonly status?: 404
  /** It stays as it is while it is open. */
  readonly isStill?: boolean
}

/** Which item of the navigation a path belongs to: the longest that it begins with. */
function currentOf(navigation: readonly NavigationItem[], path: string): string | undefined {
  const fits = ({ href }: NavigationItem): boolean =>
    href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
  return navigation.find(fits)?.href
}

/** The part of a page that stays current while it is open. */
export function livePart(frame: Frame, page: Page, path: string): Html {
  const current = currentOf(frame.navigation, path)
  const item = ({ href, title, count }: NavigationItem): Html =>
    html`<li><a href="${href}"${href === current && html` aria-current="page"`}>${title}${count !== undefined && html` <span class="count">${count}</span>`}</a></li>`
  return html`<header class="top">
<div class="band">
<a class="brand" href="/"><img src="${pageFile('icon.svg').href}" alt="" width="22" height="22">Firesteel</a>
<span class="where"><span class="cluster">${frame.cluster}</span> <span class="node">${frame.node}</span></span>
<div class="aside">${frame.aside}</div>
</div>
<nav aria-label="Pages"><ul>${frame.navigation.map(item)}</ul></nav>
</header>
<main id="main" tabindex="-1">
${frame.banner}${page.main}
</main>`
}

export interface DocumentParts {
  readonly title: string
  readonly live: Html
  /** Identifies the state that `live` shows. */
  readonly have: string
  /** Where the stream of this page is; undefined: the page does not change. */
  readonly stream?: string | undefined
  /** Origins of the other Masters, which the page asks when its own is gone. */
  readonly others?: readonly string[]
  /** It shows what a leader knows, so it goes where the next one is. */
  readonly leads?: boolean
  readonly foot?: Part
  /** What this reader may do. */
  readonly visitor?: Part
  /** The browser goes there at once. */
  readonly refresh?: string
}

/** A whole page. */
export function pageDocument({
  title,
  live,
  have,
  stream,
  others = [],
  leads = false,
  foot,
  visitor,
  refresh,
}: DocumentParts): string {
  return document(html`<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh !== undefined && html`<meta http-equiv="refresh" content="0;url=${refresh}">`}
<meta name="color-scheme" content="light dark">
<link rel="icon" href="${pageFile('icon.svg').href}" type="image/svg+xml">
<link rel="stylesheet" href="${pageFile('pages.css').href}">
<script type="module" src="${pageFile('pages.js').href}"></script>
</head>
<body${stream !== undefined && html` data-stream="${stream}" data-have="${have}" data-others="${others.join(' ')}"`}${leads && html` data-leads`}>
<a class="skip" href="#main">To the content</a>
<p id="connection" role="status" hidden></p>
<div id="live">${live}</div>
<footer><p>${foot}</p>${visitor && html`<p>${visitor}</p>`}</footer>
</body>
</html>`)
}
