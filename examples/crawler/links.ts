/* What a page is, read with two expressions: good enough for files of one's own, no parser of HTML. */

const LINK = /<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi
const TITLE = /<title[^>]*>([\s\S]*?)<\/title>/i
const COMMENT = /<!--[\s\S]*?-->/g

/** URLs of the pages that a page links to, each once, in order; without their `#...`. */
export function linksIn(html: string, pageUrl: string): string[] {
  const found = new Set<string>()
  for (const [, double, single, bare] of html.replace(COMMENT, '').matchAll(LINK)) {
    const href = (double ?? single ?? bare ?? '').trim().replaceAll('&amp;', '&')
    if (href === '' || !URL.canParse(href, pageUrl)) continue
    const url = new URL(href, pageUrl)
    url.hash = ''
    found.add(url.href)
  }
  return [...found]
}

export function titleIn(html: string): string {
  return (TITLE.exec(html)?.[1] ?? '').replace(/\s+/g, ' ').trim()
}
