import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Hono } from 'hono'
import { JsonPage } from '../../runtime/http/json-page.js'
import { JsonRows } from '../../runtime/http/json-text.js'
import { createHttpServer, type HttpServerOptions } from '../../runtime/http/server.js'
import { limits } from '../../runtime/limits.js'
import { waitUntil } from '../harness/wait-until.js'

/* What strangers may take of a node by HTTP: connections, time, work. Over real sockets. */

interface Place {
  readonly port: number
  readonly refused: readonly string[]
  /** What each request was for, in the order in which they were begun. */
  readonly begun: readonly string[]
  most(): number
  /** Streams that were begun, and neither read to their end nor cancelled. */
  streams(): number
}

const ROWS = 40_000
/** Of a page of 5 MB: more than the kernel holds for who does not read. */
const REPEATS = 6

async function open(t: TestContext, bounds: HttpServerOptions['bounds'] = {}): Promise<Place> {
  const routes = new Hono()
  const begun: string[] = []
  let running = 0
  let most = 0
  routes.get('/slow/:n', async (context) => {
    begun.push(context.req.param('n'))
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running--
    return context.text(`answer ${context.req.param('n')}\n`)
  })
  routes.get('/hold', () => {
    begun.push('hold')
    return new Promise<Response>(() => undefined)
  })
  routes.post('/body', async (context) => context.json({ length: (await context.req.text()).length }))
  const rows = Array.from({ length: ROWS }, (_, n) => ({ n, text: 'x'.repeat(100) }))
  const page = new JsonPage(() => [
    ['rows', new JsonRows(rows, (row) => row)],
    ['last', true],
  ])
  routes.get('/page', () => page.answer())
  let streams = 0
  routes.get('/stream', () => {
    streams++
    return new Response(new ReadableStream({ cancel: () => void streams-- }))
  })
  const refused: string[] = []
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: () => routes,
    bounds,
    onRefused: (_, why) => refused.push(why),
  })
  t.after(() => server.close())
  return { port: server.port, refused, begun, most: () => most, streams: () => streams }
}

interface Caller {
  readonly socket: Socket
  text(): string
  readonly closed: Promise<string>
}

async function call(
  t: TestContext,
  port: number,
  text: string | Buffer = '',
  localAddress = '127.0.0.1',
): Promise<Caller> {
  const chunks: Buffer[] = []
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.after(() => socket.destroy())
  const all = (): string => Buffer.concat(chunks).toString('latin1')
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(all())))
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(text)
  return { socket, text: all, closed }
}

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

test('pipelined requests are answered in order, one at a time', async (t) => {
  const place = await open(t)
  const count = 60
  const numbers = Array.from({ length: count }, (_, n) => String(n))
  const caller = await call(t, place.port, numbers.map((n) => get(`/slow/${n}`)).join(''))
  await waitUntil('all answers', () => caller.text().includes(`answer ${count - 1}\n`))
  assert.deepEqual(
    [...caller.text().matchAll(/answer (\d+)\n/g)].map(([, n]) => n),
    numbers,
  )
  assert.deepEqual(place.begun, numbers)
  assert.equal(place.most(), 1)
})

test('a flood of pipelined requests is not read ahead of its answers', async (t) => {
  const place = await open(t)
  const flood = await call(t, place.port, Buffer.from(get('/slow/x').repeat(500_000)))
  await waitUntil('the first answers', () => place.begun.length > 10)
  // What we hold of it: one piece that is parsed, and what was read before it had to wait.
  const other = await call(t, place.port, get('/slow/other'))
  await waitUntil('an answer beside the flood', () => other.text().includes('answer other'))
  assert.ok(place.begun.indexOf('other') < 2 * limits.httpRequestsPerSecondPerAddress + 50)
  assert.ok(flood.socket.bytesWritten > 0 && flood.socket.writableLength > 0, 'the rest waits at its sender')
})

test('a page of megabytes: whole, with its length, the same for all who ask at once', async (t) => {
  const place = await open(t)
  const url = `http://127.0.0.1:${place.port}/page`
  const answers = await Promise.all([fetch(url), fetch(url), fetch(url)])
  const texts = await Promise.all(answers.map((answer) => answer.text()))
  assert.equal(Number(answers[0]?.headers.get('content-length')), Buffer.byteLength(texts[0] ?? ''))
  const { rows, last } = JSON.parse(texts[0] ?? '') as { rows: { n: number }[]; last: boolean }
  assert.equal(rows.length, ROWS)
  assert.equal(rows.at(-1)?.n, ROWS - 1)
  assert.equal(last, true)
  assert.ok(texts.every((text) => text === texts[0]))
})

test('HEAD has the headers of GET, and what its body would have held is free again', async (t) => {
  const place = await open(t)
  const head = (path: string): string => get(path).replace('GET', 'HEAD')
  const caller = await call(t, place.port, head('/stream') + head('/page') + head('/stream') + get('/slow/1'))
  await waitUntil('the last answer', () => caller.text().includes('answer 1'))
  const lengths = [...caller.text().matchAll(/^content-length: (\d+)\r$/gim)].map(([, length]) =>
    Number(length),
  )
  assert.equal(lengths.length, 2)
  assert.ok(lengths[0]! > ROWS * 100, `${lengths[0]} bytes`)
  assert.equal(place.streams(), 0)
})

test('who closes his side after he has asked gets his answer', async (t) => {
  const place = await open(t)
  const caller = await call(t, place.port)
  caller.socket.end(get('/page'))
  assert.match(await caller.closed, /^HTTP\/1\.1 200[\s\S]*"last":true}$/)
})

test('slow headers are cut with 408; a connection that says nothing without a word', async (t) => {
  const place = await open(t, { httpRequestMs: 200, httpIdleMs: 300 })
  const slow = await call(t, place.port, 'GET / HTTP/1.1\r\nHost: ')
  const silent = await call(t, place.port)
  const drip = setInterval(() => slow.socket.write('a'), 50)
  t.after(() => clearInterval(drip))
  assert.match(await slow.closed, /^HTTP\/1\.1 408[\s\S]*FIRESTEEL_HTTP_REFUSED/)
  assert.equal(await silent.closed, '')
})

test('a slow body is cut as well, one that is too large refused', async (t) => {
  const place = await open(t, { httpAnswerMs: 400 })
  const post = (length: number): string =>
    `POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
  const slow = await call(t, place.port, `${post(10)}abc`)
  await slow.closed
  const right = await call(t, place.port, `${post(3)}abc`)
  await waitUntil('an answer', () => right.text().includes('{"length":3}'))
  const large = await call(t, place.port, post(limits.httpBodyBytes + 1))
  assert.match(await large.closed, /^HTTP\/1\.1 413[\s\S]*FIRESTEEL_HTTP_REFUSED/)
  const endless = await call(
    t,
    place.port,
    'POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  const chunk = `400\r\n${'a'.repeat(1024)}\r\n`
  for (let sent = 0; sent <= limits.httpBodyBytes; sent += 1024) endless.socket.write(chunk)
  assert.doesNotMatch(await endless.closed, /200 OK/)
})

test('a head that is too long: 431; what is no request: 400; both with a code', async (t) => {
  const place = await open(t)
  const long = await call(t, place.port, get('/', `X: ${'y'.repeat(2 * limits.httpHeadBytes)}\r\n`))
  assert.match(await long.closed, /^HTTP\/1\.1 431[\s\S]*FIRESTEEL_HTTP_REFUSED/)
  const none = await call(t, place.port, 'nonsense\r\n\r\n')
  assert.match(await none.closed, /^HTTP\/1\.1 400[\s\S]*FIRESTEEL_HTTP_REFUSED/)
})

test('who does not read his answer is cut', async (t) => {
  const place = await open(t, { httpStallMs: 300 })
  const deaf = await call(t, place.port)
  deaf.socket.pause()
  deaf.socket.write(get('/page').repeat(REPEATS))
  const other = await call(t, place.port, get('/slow/1'))
  await waitUntil('an answer to another', () => other.text().includes('answer 1'))
  await waitUntil('the cut', () => place.refused.length > 0)
  deaf.socket.resume()
  const got = await deaf.closed
  assert.ok(got.split('"last":true').length < REPEATS, 'not all of it, only what the kernel held')
})

test('idle connections give way; where all are busy: 429 and 503 with Retry-After and a code', async (t) => {
  const place = await open(t, { httpConnections: 3, httpConnectionsPerAddress: 2 })
  const idle = await call(t, place.port)
  const second = await call(t, place.port)
  await call(t, place.port, get('/hold'))
  assert.equal(await idle.closed, '', 'the oldest that has asked nothing goes')
  assert.equal(place.refused.length, 1)
  second.socket.write(get('/hold'))
  await waitUntil('both to be busy', () => place.begun.length === 2)
  const fourth = await call(t, place.port, get('/slow/4'))
  assert.match(await fourth.closed, /^HTTP\/1\.1 429 [\s\S]*\r\nRetry-After: 1\r\n[\s\S]*FIRESTEEL_HTTP_BUSY/)
})

test('no connection is left: 503 with Retry-After and a code', async (t) => {
  const place = await open(t, { httpConnections: 2 })
  await call(t, place.port, get('/hold'))
  await call(t, place.port, get('/hold'))
  await waitUntil('both to be busy', () => place.begun.length === 2)
  const third = await call(t, place.port, get('/slow/3'), '127.0.0.2')
  assert.match(await third.closed, /^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n[\s\S]*FIRESTEEL_HTTP_BUSY/)
})
