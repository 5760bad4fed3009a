/*
 * A crawler of local HTML files. Its results make new inputs, and are printed as they come.
 *
 *     node dist/examples/crawler/main.js FILE|FOLDER [MOST]            at most MOST pages, default 1000
 *
 * A folder stands for its index.html. Links are followed to files inside the folder of the first page only.
 * Prints `BYTES LINKS PATH TITLE` for each page, `BROKEN PATH: reason` for each link that leads nowhere.
 */
import { stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { connect, FiresteelError } from 'firesteel'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'
import { Frontier } from './frontier.js'

async function firstPage(path: string | undefined): Promise<URL> {
  if (path === undefined) {
    throw new FiresteelError('USAGE', 'The page to start from is missing.', {
      help: 'Write: crawler/main.js FILE|FOLDER [MOST].',
    })
  }
  const place = resolve(path)
  try {
    const found = await stat(place)
    return pathToFileURL(found.isDirectory() ? join(place, 'index.html') : place)
  } catch (cause) {
    throw new FiresteelError('PATH_NOT_FOUND', `${place} does not exist.`, { place, cause })
  }
}

async function main([path, mostText]: readonly string[]): Promise<void> {
  const start = await firstPage(path)
  const most = wholeNumber(mostText, 'MOST', 1000)
  const folder = new URL('.', start)
  const shown = (url: string): string => relative(fileURLToPath(folder), fileURLToPath(url))

  // It visits pages of this folder only, because a crawler without a bound never ends.
  const frontier = new Frontier(most, (url) => url.startsWith(folder.href) && /\.html?$/i.test(url))
  frontier.add(start.href)

  await using app = await connect(where(), { name: 'crawler' })
  const { readPage } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))
  let pages = 0
  let broken = 0
  // `retries: 0`, because a missing file will still be missing at the fourth attempt.
  for await (const { input, value, error } of app.each(readPage, frontier, { retries: 0 })) {
    if (error) {
      broken++
      console.log(`BROKEN ${shown(input)}: ${error.message}`)
    } else {
      pages++
      for (const link of value.links) frontier.add(link.endsWith('/') ? `${link}index.html` : link)
      console.log([value.bytes, value.links.length, shown(input), value.title].join('\t'))
    }
    frontier.settled()
  }
  console.error(`${pages} pages, ${broken} broken links`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = printError(error)
}
