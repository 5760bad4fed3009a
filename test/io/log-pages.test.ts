import assert from 'node:assert/strict'
import { link, mkdir, mkdtemp, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Hono } from 'hono'
import { noteAttempt } from '../../actors/worker/attempt-list.js'
import { keptLogs } from '../../actors/worker/logs/kept-log.js'
import { LogDownloads } from '../../actors/worker/logs/log-download.js'
import { workerPages } from '../../actors/worker/pages/routes.js'
import { createHttpServer } from '../../runtime/http/server.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { pathPart } from '../../runtime/pages/path-part.js'
import { rotatedPath } from '../../runtime/process/output-segments.js'
import { attacks } from '../tools/page-attacks.js'
import { sampleSessions, sampleWorkerView } from '../tools/page-views.js'

/* Outputs on the pages of a Worker and over its HTTP server, from real files. */

const root = await mkdtemp(join(tmpdir(), 'firesteel-logs-'))
const living = new Set<string>()
const findLog = keptLogs({ root, lives: (id) => living.has(id) })
const routes = workerPages({
  take: () => sampleWorkerView({ nowMs: Date.now() }, findLog),
  sessions: sampleSessions(),
  data: new Hono(),
  wallMs: Date.now,
  onSession: () => undefined,
  ownsOutput: async () => false,
  onError: assert.ifError,
})
const failures: unknown[] = []
const server = await createHttpServer({
  host: '127.0.0.1',
  port: 0,
  routes: () => routes,
  onError: (error) => failures.push(error),
})
const origin = `http://127.0.0.1:${server.port}`
after(async () => {
  await server.close()
  await rm(root, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(origin + path, { headers, method, redirect: 'manual' })
const page = async (path: string): Promise<string> => (await get(path, { accept: 'text/html' })).text()

async function output(id: string, text: string, name = 'stdout'): Promise<string> {
  const folder = join(root, ...id.split('/'))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), text)
  return folder
}

const lineTexts = (html: string): string[] =>
  [...html.matchAll(/<p data-key="\d+">(.*?)<\/p>/gs)].map(([, text]) => text as string)

test('an output is text that no browser takes for anything else, whole and in ranges', async () => {
  await output('app-1/0', '<script>alert(1)</script>\n0123456789')
  const whole = await get('/logs/app-1%2F0/stdout')
  assert.equal(await whole.text(), '<script>alert(1)</script>\n0123456789')
  assert.equal(whole.status, 200)
  assert.equal(whole.headers.get('content-type'), 'text/plain; charset=UTF-8')
  assert.equal(whole.headers.get('x-content-type-options'), 'nosniff')
  assert.match(whole.headers.get('content-security-policy') ?? '', /^sandbox; default-src 'none';/)
  assert.equal(whole.headers.get('accept-ranges'), 'bytes')
  assert.equal(whole.headers.get('content-length'), '36')
  const part = await get('/logs/app-1%2F0/stdout', { range: 'bytes=26-29' })
  assert.deepEqual(
    [part.status, part.headers.get('content-range'), await part.text()],
    [206, 'bytes 26-29/36', '0123'],
  )
  const last = await get('/logs/app-1%2F0/stdout', { range: 'bytes=-3' })
  assert.deepEqual([last.status, await last.text()], [206, '789'])
  const none = await get('/logs/app-1%2F0/stdout', { range: 'bytes=36-' })
  assert.deepEqual([none.status, none.headers.get('content-range')], [416, 'bytes */36'])
  const unsure = await get('/logs/app-1%2F0/stdout', { range: 'bytes=0-1', 'if-range': '"x"' })
  assert.equal(unsure.status, 200)
  await unsure.body?.cancel()
  const head = await get('/logs/app-1%2F0/stdout', {}, 'HEAD')
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, '36'])
  const saved = await get('/logs/app-1%2F0/stdout?download=yes')
  assert.equal(saved.headers.get('content-disposition'), 'attachment; filename="app-1-0-stdout.log"')
  await saved.text()
})

test('an output without bytes, and one that is not there', async () => {
  await output('app-1/1', '')
  const empty = await get('/logs/app-1%2F1/stdout')
  assert.deepEqual([empty.status, await empty.text()], [200, ''])
  assert.match(await page('/logs/app-1%2F1'), /It has written no output\./)
  living.add('app-1/2')
  assert.match(await page('/logs/app-1%2F2'), /It has written no output yet\./)
  for (const path of [
    '/logs/app-1%2F9',
    '/logs/app-9%2F0/stdout',
    '/logs/app-1%2F0/attempts',
    '/logs/..%2F..%2Fetc/passwd',
    '/logs/%2e%2e%2fetc/stdout',
    '/logs/app-1%2F0/..%2f..%2fstdout',
  ])
    assert.equal((await get(path, { accept: 'text/html' })).status, 404, path)
})

test('parts that were rotated away join, and what is not kept is said', async () => {
  const folder = await output('app-1/3', 'third\n')
  await writeFile(rotatedPath(join(folder, 'stdout'), 1000), 'first\n')
  await writeFile(rotatedPath(join(folder, 'stdout'), 1006), 'second\n')
  const whole = await get('/logs/app-1%2F3/stdout')
  assert.equal(whole.headers.get('firesteel-log-start'), '1000')
  assert.equal(await whole.text(), 'first\nsecond\nthird\n')
  const part = await get('/logs/app-1%2F3/stdout', { range: 'bytes=4-8' })
  assert.equal(await part.text(), 't\nsec')
  const shown = await page('/logs/app-1%2F3')
  assert.deepEqual(lineTexts(shown), ['first', 'second', 'third'])
  assert.match(shown, /the oldest 1,000 bytes are not kept/)
})

test('holes are zeros, as for every reader', async () => {
  const folder = await output('app-1/4', '')
  const { open } = await import('node:fs/promises')
  const file = await open(join(folder, 'stdout'), 'w')
  await file.write('begin\n', 0)
  await file.write('end\n', 300_000)
  await file.close()
  const bytes = Buffer.from(await (await get('/logs/app-1%2F4/stdout')).arrayBuffer())
  assert.equal(bytes.length, 300_004)
  assert.equal(bytes.toString('latin1', 0, 6), 'begin\n')
  assert.ok(bytes.subarray(6, 300_000).every((byte) => byte === 0))
  assert.equal(bytes.toString('latin1', 300_000), 'end\n')
})

test('of a list of attempts that a program has filled with lines, only the newest are parsed', async (t) => {
  const folder = await output('driver-8', '')
  await writeFile(join(folder, 'attempts'), '1\n'.repeat(250_000))
  noteAttempt(folder, root, { generation: 1, attempt: 2, atMs: 0 })
  const parse = t.mock.method(JSON, 'parse')
  const log = findLog('driver-8', 'stdout')
  assert.deepEqual(
    log?.attempts.map(({ attempt }) => attempt),
    [2],
  )
  assert.equal(log?.attempts.length, 1)
  assert.equal(parse.mock.callCount(), 4999, 'the last line break ends no line of its own')
})

test('an attempt whose line the disk has taken a part of costs no other attempt its place', async () => {
  const folder = await output('driver-9', '')
  for (const attempt of [1, 2, 3]) {
    noteAttempt(folder, root, { generation: 1, attempt, atMs: 0 })
    const list = join(folder, 'attempts')
    // A full disk has taken a part of the second line.
    if (attempt === 2) await truncate(list, (await stat(list)).size - 10)
  }
  assert.deepEqual(
    findLog('driver-9', 'stdout')?.attempts.map(({ attempt }) => attempt),
    [1, 3],
  )
})

test('the attempts of a driver stand apart, and each can be read alone', async () => {
  const id = 'driver-1'
  const folder = await output(id, '')
  noteAttempt(folder, root, { generation: 1, attempt: 1, atMs: Date.UTC(2026, 0, 1) })
  await writeFile(join(folder, 'stdout'), 'one\n')
  noteAttempt(folder, root, { generation: 2, attempt: 1, atMs: Date.UTC(2026, 0, 2) })
  await writeFile(join(folder, 'stdout'), 'one\ntwo\n')
  const shown = await page(`/logs/${id}`)
  assert.deepEqual(lineTexts(shown), ['one', 'two'])
  assert.match(shown, /Generation 1, attempt 1, <time datetime="2026-01-01T00:00:00.000Z"/)
  assert.match(shown, /href="\/logs\/driver-1\?attempt=2.1"/)
  assert.deepEqual(lineTexts(await page(`/logs/${id}?attempt=1.1`)), ['one'])
  assert.equal(await (await get(`/logs/${id}/stdout?attempt=1.1`)).text(), 'one\n')
  assert.equal(await (await get(`/logs/${id}/stdout?attempt=2.1`)).text(), 'two\n')
  assert.equal((await get(`/logs/${id}/stdout?attempt=3.1`)).status, 404)
  assert.match(await page(`/logs/${id}?attempt=x`), /There is no such attempt/)
})

test('a search finds lines from the end back, and leads to their places', async () => {
  await output(
    'app-1/5',
    Array.from({ length: 3000 }, (_, index) => `line ${index} ${index % 1000 === 7 ? 'Boom & co' : ''}`).join(
      '\n',
    ),
  )
  const found = await page('/logs/app-1%2F5?q=boom+%26')
  assert.equal(found.match(/<mark>Boom &amp;<\/mark>/g)?.length, 3)
  assert.match(found, /3 lines with “boom &amp;”/)
  const [, href = ''] = /class="at" href="([^"]+)"/.exec(found) ?? []
  assert.match(lineTexts(await page(href.replaceAll('&amp;', '&')))[0] ?? '', /^line 7 Boom &amp; co/)
  assert.match(await page('/logs/app-1%2F5?q=nowhere'), /Nothing has “nowhere”/)
})

test('nothing but a plain file of the work folder is shown', async () => {
  const secret = join(root, '..', `secret-${process.pid}`)
  await writeFile(secret, 'secret\n')
  after(() => rm(secret, { force: true }))
  const linked = await output('app-2/0', '')
  await rm(join(linked, 'stdout'))
  await symlink(secret, join(linked, 'stdout'))
  const hard = await output('app-2/1', '')
  await rm(join(hard, 'stdout'))
  await link(secret, join(hard, 'stdout'))
  await mkdir(join(root, '..', `outside-${process.pid}`, '2'), { recursive: true })
  after(() => rm(join(root, '..', `outside-${process.pid}`), { recursive: true, force: true }))
  await writeFile(join(root, '..', `outside-${process.pid}`, '2', 'stdout'), 'secret\n')
  await symlink(join(root, '..', `outside-${process.pid}`), join(root, 'app-3'))
  for (const id of ['app-2%2F0', 'app-2%2F1', 'app-3%2F2']) {
    const raw = await get(`/logs/${id}/stdout`)
    assert.equal(raw.status, 403, id)
    assert.doesNotMatch(await raw.text(), /secret\n/)
    for (const query of ['', '?q=secret', '?from=0']) {
      const shown = await page(`/logs/${id}${query}`)
      assert.match(shown, /is no plain file/, id)
      assert.doesNotMatch(shown, />secret</)
    }
  }
})

test('whatever a program writes stays text', async () => {
  for (const [index, attack] of attacks.entries()) {
    const id = `app-4/${index}`
    await output(id, `${attack}\nwindow\n`)
    for (const query of [
      '',
      `?q=${pathPart(attack.slice(0, 20))}`,
      '?q=window',
      `?output=${pathPart(attack)}&wrap=${pathPart(attack)}&attempt=${pathPart(attack)}`,
    ]) {
      const shown = await page(`/logs/${encodeURIComponent(id)}${query}`)
      const main = shown.slice(shown.indexOf('<main'), shown.indexOf('</main>'))
      assert.doesNotMatch(main, /<(script|img|svg|iframe|style|base|meta|link)\b/i, attack)
      assert.doesNotMatch(main.replace(/="[^"<>]*"/g, ''), /<[^>]*(=| on[a-z]+)/i, attack)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are meant
      assert.doesNotMatch(main, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2066\u200b]/, attack)
    }
  }
})

test('so many downloads at a time; a reader that goes away makes room', async () => {
  await output('app-5/0', 'x'.repeat(24 * 1024 * 1024))
  const path = '/logs/app-5%2F0/stdout'
  // A response that nobody holds is given up by the client.
  const slow: { readonly abort: AbortController; readonly answer: Response }[] = []
  for (let count = 0; count < limits.logDownloads + 1; count++) {
    const abort = new AbortController()
    slow.push({ abort, answer: await fetch(origin + path, { signal: abort.signal }) })
  }
  assert.deepEqual(
    slow.map(({ answer }) => answer.status),
    [...Array(limits.logDownloads).fill(200), 503],
  )
  const head = await get(path, {}, 'HEAD')
  assert.equal(head.status, 200)
  for (const { abort } of slow) abort.abort()
  const { waitUntil } = await import('../harness/wait-until.js')
  await waitUntil('a place for a download', async () => {
    const again = await get(path, { range: 'bytes=0-9' })
    return again.status === 206 && (await again.text()) === 'x'.repeat(10)
  })
})

test('a download is cut off when the session of its reader ends', async () => {
  await output('app-5/1', 'x'.repeat(4 * innerLimits.logPieceBytes))
  const log = findLog('app-5/1', 'stdout') ?? assert.fail('there is no log')
  let isOver = false
  const asked = { log, within: log.kept, range: undefined, isHead: false, isOver: () => isOver }
  const answer = new LogDownloads().answer(asked)
  const reader = answer?.body?.getReader() ?? assert.fail('there is no download')
  assert.equal((await reader.read()).value?.[0], 'x'.charCodeAt(0))
  isOver = true
  await assert.rejects(reader.read(), { message: 'the session of its reader has ended' })
})

test('who may not read gets no output', async () => {
  const forwarded = { 'x-forwarded-for': '10.1.1.1' }
  for (const path of ['/logs/app-1%2F0', '/logs/app-1%2F0/stdout', '/logs/app-1%2F0?q=a'])
    assert.equal((await get(path, forwarded)).status, 401, path)
  assert.deepEqual(failures, [])
})
