import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { Hono } from 'hono'
import { isFiresteelError } from '../../runtime/errors.js'
import { hostOfHeader, isOwnOrigin } from '../../runtime/http/guards.js'
import { createHttpServer, type HttpServer } from '../../runtime/http/server.js'

let server: HttpServer
const thrown: unknown[] = []

before(async () => {
  const routes = new Hono()
  routes.get('/', (context) => context.text('page'))
  routes.post('/kill', async (context) => context.json(await context.req.json()))
  routes.get('/leader', (context) => context.json({ status: 'ALIVE' }))
  routes.post('/do/kill', async (context) => context.text(await context.req.text()))
  routes.get('/broken', () => {
    throw new Error('a defect')
  })
  server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: () => routes,
    allowedHosts: ['M1.example'],
    friends: () => ['http://m2.example:8080'],
    onError: (error) => thrown.push(error),
  })
})
after(() => server.close())

interface Answer {
  readonly status: number
  readonly body: string
}

function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: server.port, method, path, headers, agent: false },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const friend = 'http://m2.example:8080'
const json = { 'content-type': 'application/json' }

/** What is asked, and the status. */
const table: readonly (readonly [string, () => Promise<Answer>, number])[] = [
  ['its own address', () => call('GET', '/'), 200],
  ['localhost', () => call('GET', '/', { host: `localhost:${server.port}` }), 200],
  ['IPv6 loopback', () => call('GET', '/', { host: `[::1]:${server.port}` }), 200],
  ['its advertised name, in any case', () => call('GET', '/', { host: 'm1.EXAMPLE' }), 200],
  ['an unknown Host', () => call('GET', '/', { host: 'evil.example' }), 403],
  [
    'a name that only begins like one of ours',
    () => call('GET', '/', { host: 'localhost.evil.example' }),
    403,
  ],
  ['a foreign Origin', () => call('GET', '/', { origin: 'http://evil.example' }), 403],
  ['the null Origin of a sandboxed page', () => call('GET', '/', { origin: 'null' }), 403],
  [
    'another port of this machine',
    () => call('GET', '/', { host: 'localhost:1', origin: 'http://localhost:2' }),
    403,
  ],
  [
    'its own Origin',
    () => call('GET', '/', { host: `localhost:${server.port}`, origin: `http://localhost:${server.port}` }),
    200,
  ],
  ['a POST of JSON', () => call('POST', '/kill', json, '{}'), 200],
  [
    'with parameters',
    () => call('POST', '/kill', { 'content-type': 'Application/JSON; charset=utf-8' }, '{}'),
    200,
  ],
  ['a POST that a form can send', () => call('POST', '/kill', { 'content-type': 'text/plain' }, '{}'), 415],
  ['a POST without a type', () => call('POST', '/kill', {}, '{}'), 415],
  [
    'a POST of JSON from a foreign page',
    () => call('POST', '/kill', { ...json, origin: 'http://evil.example' }, '{}'),
    403,
  ],
  ['a DELETE without a type', () => call('DELETE', '/kill'), 415],
  ['a form for a path of forms', () => call('POST', '/do/kill', form, 'a=1'), 200],
  [
    'the same from a foreign page',
    () => call('POST', '/do/kill', { ...form, origin: 'http://evil.example' }, 'a=1'),
    403,
  ],
  ['the same from a friend', () => call('POST', '/do/kill', { ...form, origin: friend }, 'a=1'), 403],
  ['another type there', () => call('POST', '/do/kill', { 'content-type': 'text/plain' }, 'a=1'), 415],
  ['a form for any other path', () => call('POST', '/kill', form, 'a=1'), 415],
  ['a friend that asks who leads', () => call('GET', '/leader', { origin: friend }), 200],
  ['a stranger that asks who leads', () => call('GET', '/leader', { origin: 'http://m2.example:81' }), 403],
  ['a friend that asks anything else', () => call('GET', '/', { origin: friend }), 403],
  ['nothing there', () => call('GET', '/nope'), 404],
]

for (const [name, ask, status] of table) {
  test(`${name}: ${status}`, async () => {
    const answer = await ask()
    assert.equal(answer.status, status)
    if (status >= 400) assert.match(answer.body, /"code":"FIRESTEEL_/)
  })
}

test('a Host that hides a name never reaches a route', async () => {
  const answer = await call('GET', '/', { host: 'localhost@evil.example' })
  assert.equal(answer.status, 400)
})

test('a route that throws answers 500 without its text, and says so to its node', async () => {
  const answer = await call('GET', '/broken')
  assert.equal(answer.status, 500)
  assert.doesNotMatch(answer.body, /a defect/)
  assert.equal((thrown.at(-1) as Error).message, 'a defect')
})

test('a port that is taken has its code and place', async () => {
  const again = createHttpServer({ host: '127.0.0.1', port: server.port, routes: () => new Hono() })
  await assert.rejects(again, (error) => {
    assert.ok(isFiresteelError(error, 'PORT_IN_USE'))
    assert.equal(error.place, `127.0.0.1:${server.port}`)
    return true
  })
})

test('close() cuts a connection that is kept alive, and frees the port', async () => {
  const routes = new Hono()
  routes.get('/', (context) => context.text('x'))
  const first = await createHttpServer({ host: '127.0.0.1', port: 0, routes: () => routes })
  await fetch(`http://127.0.0.1:${first.port}/`)
  await first.close()
  const second = await createHttpServer({ host: '127.0.0.1', port: first.port, routes: () => routes })
  await second.close()
})

test('hosts and origins', () => {
  assert.equal(hostOfHeader('A.example:80'), 'a.example')
  assert.equal(hostOfHeader('[::1]:80'), '::1')
  for (const bad of ['', 'a b', 'a:b', 'a/b', 'user@a', '[::1', ':80'])
    assert.equal(hostOfHeader(bad), undefined)
  assert.ok(isOwnOrigin('http://a:1', 'A:1'))
  assert.ok(!isOwnOrigin('http://a:1.evil', 'a:1'))
})

test('a page of another Master may read who leads, and no other page may', async () => {
  const ask = (origin: string) => fetch(`http://127.0.0.1:${server.port}/leader`, { headers: { origin } })
  assert.equal((await ask(friend)).headers.get('access-control-allow-origin'), friend)
  assert.equal((await ask('http://evil.example')).headers.get('access-control-allow-origin'), null)
})
