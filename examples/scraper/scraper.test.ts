import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from 'firesteel/testing'
import { Up } from '../up.js'
import type { Row } from './pages-file.js'
import { kindOf, Web } from './server.js'

const main = fileURLToPath(new URL('./main.js', import.meta.url))

const pageOf = (url: string): number => Number(new URL(url).pathname.slice(1))

async function rowsOf(path: string): Promise<Row[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  // The last line may be half written.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Row)
}

/** Every page has one line, with what the server gives for it in the end. */
function assertAllRead(rows: readonly Row[], urls: readonly string[]): void {
  assert.deepEqual(rows.map(({ url }) => url).toSorted(), urls.toSorted(), 'each page once')
  for (const row of rows) {
    const page = pageOf(row.url)
    if (kindOf(page) === 'missing') assert.deepEqual(row, { url: row.url, error: 'HTTP 404' })
    else assert.deepEqual(row, { url: row.url, title: `Page ${page}`, bytes: 500 + (page % 1500) })
  }
}

test('scraper: every page, never more of a host than allowed, and what is missing is asked for once', async () => {
  await using up = await Up.start(1)
  await using web = await Web.start(1500, 6)
  const [list, out] = [join(up.folder, 'urls.txt'), join(up.folder, 'pages.jsonl')]
  await writeFile(list, web.urls.join('\n'))
  const program = await up.node(main, [list, out, '3'])
  const reached = async (some: number) =>
    waitUntil(`${some} pages`, async () => (await rowsOf(out)).length >= some, { deadlineMs: 60_000 })
  await reached(200)
  // Tasks do not need a Master.
  await up.kill('m1')
  const { code, stdout, stderr } = await program.ended
  assert.equal(code, 0, stderr)
  const urls = web.urls
  assertAllRead(await rowsOf(out), urls)

  const failing = urls.filter((url) => ['busy at first', 'stuck at first'].includes(kindOf(pageOf(url))))
  const missing = urls.filter((url) => kindOf(pageOf(url)) === 'missing')
  assert.ok(failing.length > 5 && missing.length > 10)
  for (const url of urls) assert.equal(web.asked.get(url), failing.includes(url) ? 2 : 1, url)
  assert.equal(Math.max(...web.most.values()), 3, 'the limit of a host is kept, and used')
  const [done, failed] = [urls.length - missing.length, missing.length]
  assert.equal(stdout, `${done} pages, ${failed} failed, 0 known before, ${failing.length} repeated\n`)
  assert.match(stderr, /^\d+ of 1500, \d+ failed, \d+ retried, \d+ running$/m)
})

test('scraper: a Worker, the launcher and the program are killed; each page is there once', async () => {
  await using up = await Up.start(1)
  await using web = await Web.start(3000, 6)
  const [list, out] = [join(up.folder, 'urls.txt'), join(up.folder, 'pages.jsonl')]
  await writeFile(list, web.urls.join('\n'))
  const program = await up.node(main, [list, out])
  const reached = async (some: number) =>
    waitUntil(`${some} pages`, async () => (await rowsOf(out)).length >= some, { deadlineMs: 60_000 })
  await reached(200)
  await up.kill('w1')
  await reached(600)
  await up.killLauncher()
  await up.startAgain()
  await reached(1000)
  await program.kill()

  const known = (await rowsOf(out)).length
  // A crash of the machine may cut the last line off anywhere.
  await writeFile(out, '{"url":"http://cut', { flag: 'a' })
  const { code, stdout, stderr } = await (await up.node(main, [list, out])).ended
  assert.equal(code, 0, stderr)
  assert.match(stdout, new RegExp(`, ${known} known before, `))
  assertAllRead(await rowsOf(out), web.urls)
})
