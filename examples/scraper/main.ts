/*
 * Reads many pages, never more than four of a host at once.
 *
 *     node dist/examples/scraper/server.js > urls.txt &                    20,000 pages of 20 hosts
 *     node dist/examples/scraper/main.js urls.txt pages.jsonl [PER_HOST]
 *
 * Each page becomes a line of pages.jsonl, or why it could not be read. Pages that are there are not read
 * again. So if this program is killed, call it again and it goes on.
 */
import { readFile } from 'node:fs/promises'
import { connect, FiresteelError, isFiresteelError } from 'firesteel'
import { INTERRUPTED_EXIT, interruption } from '../interruption.js'
import { printError } from '../print-error.js'
import { where } from '../where.js'
import { wholeNumber } from '../whole-number.js'
import { PagesFile } from './pages-file.js'

/** Reading a page is waiting, so each core has many at once. */
const TASKS_PER_CORE = 64
const PROGRESS_EVERY_MS = 1000

async function main([list, out, perHost]: readonly string[], signal: AbortSignal): Promise<void> {
  if (list === undefined || out === undefined) {
    throw new FiresteelError('USAGE', 'The list of URLs or the file for the pages is missing.', {
      help: 'Write: scraper/main.js URLS OUT [PER_HOST].',
    })
  }
  await using pages = await PagesFile.open(out)
  const listed = (await readFile(list, 'utf8')).split('\n').filter((line) => line !== '')
  const urls = [...new Set(listed)].filter((url) => !pages.known.has(url))

  await using app = await connect(where(), {
    name: 'scraper',
    executor: { tasksPerCore: TASKS_PER_CORE },
    signal,
  })
  const { readPage } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))
  let saidAtMs = 0
  const results = app.each(readPage, urls, {
    limit: { key: (url) => new URL(url).host, concurrency: wholeNumber(perHost, 'PER_HOST', 4) },
    timeout: '10s',
    retries: 4,
    backoff: '250ms',
    signal,
    onProgress({ done, failed, retried, running, total }) {
      if (Date.now() - saidAtMs < PROGRESS_EVERY_MS) return
      saidAtMs = Date.now()
      console.error(`${done + failed} of ${total}, ${failed} failed, ${retried} retried, ${running} running`)
    },
  })
  let failed = 0
  for await (const { input: url, value, error } of results) {
    if (error) failed++
    await pages.add(error ? { url, error: reasonOf(error) } : { url, ...value })
  }
  const { done, retried, lost } = app.stats()
  console.log(`${done} pages, ${failed} failed, ${pages.known.size} known before, ${retried + lost} repeated`)
}

/** What the task threw, or why it has not ended. */
const reasonOf = (error: Error): string =>
  isFiresteelError(error, 'TASK_FAILED') ? (error.cause as Error).message : error.message

const signal = interruption()
try {
  await main(process.argv.slice(2), signal)
} catch (error) {
  process.exitCode = signal.aborted ? INTERRUPTED_EXIT : printError(error)
}
