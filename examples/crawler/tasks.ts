import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { linksIn, titleIn } from './links.js'

export interface Page {
  readonly title: string
  readonly bytes: number
  /** URLs without repetitions. */
  readonly links: readonly string[]
}

/** Reads one page. Throws for a missing file, which the crawler shows as a broken link. */
export async function readPage(url: string): Promise<Page> {
  const html = await readFile(fileURLToPath(url))
  const text = html.toString('utf8')
  return { title: titleIn(text), bytes: html.length, links: linksIn(text, url) }
}
