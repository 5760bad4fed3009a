/* Reads a page with two expressions. This suffices for your own files, but it is no HTML parser. */

const LINK = /<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi
const TITLE = /<title[^>]*>([\s\S]*?)<\/title>/i
const COMMENT = /<!--[\s\S]*?-->/g

/** URLs that a page links to, in order, without repetitions and without `#...`. */
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
