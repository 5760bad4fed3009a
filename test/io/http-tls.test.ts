import assert from 'node:assert/strict'
import { get } from 'node:https'
import { connect } from 'node:net'
import { after, type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { Hono } from 'hono'
import { createHttpServer } from '../../runtime/http/server.js'
import { waitUntil } from '../harness/wait-until.js'
import { TestAuthority } from '../tools/test-authority.js'

/* Pages and /json/ over TLS, by the certificates of the node. */

const authority = await TestAuthority.make()
const tls = await authority.source('node')
after(() => authority.remove())

interface Place {
  readonly port: number
  readonly refused: readonly string[]
}

async function open(t: TestContext, source = tls): Promise<Place> {
  const routes = new Hono()
  routes.get('/here', (context) => context.text('x'.repeat(400_000)))
  const refused: string[] = []
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    tls: source,
    routes: () => routes,
    onRefused: (_, why) => refused.push(why),
  })
  t.after(() => server.close())
  return { port: server.port, refused }
}

const ask = (port: number, ca = authority.texts.cert): Promise<{ status: number; length: number }> =>
  new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/here', ca, agent: false }, (response) => {
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, length }))
    })
    request.once('error', reject)
  })

test('a request over TLS is answered whole, and no browser is asked for a certificate', async (t) => {
  const { port } = await open(t)
  assert.deepEqual(await ask(port), { status: 200, length: 400_000 })
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.texts.cert })
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve))
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  assert.deepEqual(socket.getCertificate(), {}, 'none of ours was sent')
  socket.destroy()
})

test('who writes http:// is told to write https://', async (t) => {
  const { port } = await open(t)
  const socket = connect({ host: '127.0.0.1', port })
  socket.write('GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n')
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /This port speaks HTTPS only/)
})

test('a reader who does not trust the certificate ends, and others are answered', async (t) => {
  const { port, refused } = await open(t)
  const other = await TestAuthority.make()
  t.after(() => other.remove())
  await assert.rejects(ask(port, other.texts.cert), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })
  const garbage = connect({ host: '127.0.0.1', port })
  garbage.on('error', () => undefined)
  garbage.write(Buffer.from('16030100050102030405ffffffffffffffffff', 'hex'))
  await waitUntil('the garbage to be refused', () => refused.length > 0)
  assert.equal((await ask(port)).status, 200)
})

test('another certificate counts for the next connection', async (t) => {
  const source = await authority.source('changing')
  const { port } = await open(t, source)
  const serial = async (): Promise<string> => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority.texts.cert })
    await new Promise<void>((resolve) => socket.once('secureConnect', resolve))
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const before = await serial()
  await authority.files('changing')
  await source.reload()
  assert.notEqual(await serial(), before)
})
