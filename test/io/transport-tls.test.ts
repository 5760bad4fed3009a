import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { isFiresteelError } from '../../runtime/errors.js'
import { protocolOptions, TlsSource } from '../../runtime/tls/tls-source.js'
import type { DialOptions } from '../../runtime/transport/dial.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import { DialerHandshake } from '../../runtime/transport/handshake.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { ListenOptions } from '../../runtime/transport/listen.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { waitUntil } from '../harness/wait-until.js'
import { TestAuthority } from '../tools/test-authority.js'
import { dialHost, gone, linkPair, NODE_KEY, rawSocket, startHost } from '../tools/transport-support.js'

const authority = await TestAuthority.make()
const other = await TestAuthority.make()
const node = await authority.source('node')
after(() => {
  authority.remove()
  other.remove()
})

test('a link over TLS carries messages, and both ends are bound to its channel', async () => {
  const host = await startHost({ tls: node })
  const { link, inbox, far, farInbox } = await linkPair(host, { tls: node })
  assert.equal(far.peer.role, 'node')
  link.send({ to: 'there' })
  far.send({ to: 'here' })
  far.sendPayload([Buffer.alloc(60_000, 1)])
  await waitUntil('both', () => farInbox.envelopes.length === 1 && inbox.payloadBytes === 60_000)
  assert.deepEqual(inbox.envelopes, [{ to: 'here' }])
  link.close()
  await waitUntil('the end at the host', () => farInbox.end !== undefined)
  assert.equal(farInbox.end?.kind, 'closed-by-peer')
  await host.close()
})

test('a client needs no certificate, and a node does', async () => {
  const host = await startHost({ tls: node })
  const visitor = authority.visitor()
  const link = await dialHost(host.listener.port, { tls: visitor, role: 'client' })
  link.close()
  await refused(host.listener.port, { tls: visitor, role: 'node' }, 'CERTIFICATE_REFUSED')
  const client = await authority.source('laptop', { isClient: true })
  await refused(host.listener.port, { tls: client, role: 'node' }, 'CERTIFICATE_REFUSED')
  const join = { role: 'worker', subject: newTokenId('worker', undefined) } as const
  await refused(host.listener.port, { tls: visitor, ...join }, 'CERTIFICATE_REFUSED')
  assert.deepEqual(
    host.rejections.map(({ code, detail }) => `${code}: ${detail}`),
    [
      'CERTIFICATE_REFUSED: it is a node, and shows no certificate',
      'CERTIFICATE_REFUSED: its certificate is that of a client, not of a node',
      'CERTIFICATE_REFUSED: it is a node, and shows no certificate',
    ],
  )
  await host.close()
})

test('a certificate alone is not enough: the secret is proved inside the channel', async () => {
  const host = await startHost({ tls: node })
  const key = deriveKey('another secret than that of the tests', 'node')
  await refused(host.listener.port, { tls: node, key }, 'SECRET_WRONG')
  assert.equal(host.rejections[0]?.code, 'SECRET_WRONG')
  await host.close()
})

type Refusal = readonly [
  what: string,
  dialer: () => Promise<TlsSource> | TlsSource,
  code: string,
  host: RegExp,
]
const refusals: readonly Refusal[] = [
  ['of another CA', () => foreign('stranger'), 'CERTIFICATE_REFUSED', /signed by a CA/],
  ['that has expired', () => lapsed(), 'CERTIFICATE_REFUSED', /has expired/],
]
for (const [what, dialer, code, detail] of refusals) {
  test(`a client with a certificate ${what} is refused, and told so`, async () => {
    const host = await startHost({ tls: node })
    await refused(host.listener.port, { tls: await dialer(), role: 'client' }, code)
    assert.equal(host.rejections[0]?.code, code)
    assert.match(host.rejections[0]?.detail ?? '', detail)
    assert.equal(host.links.length, 0)
    await host.close()
  })
}

/** Shows a certificate of another CA, and trusts ours. */
async function foreign(name: string): Promise<TlsSource> {
  const { cert, key } = await other.issue(name)
  return unchecked(cert, key)
}

async function lapsed(): Promise<TlsSource> {
  const { cert, key } = await authority.issue('lapsed', { nowMs: Date.now() - 7_200_000, validMs: 3_600_000 })
  return unchecked(cert, key)
}

/** What no process of ours would dial with. */
function unchecked(cert: string, key: string): TlsSource {
  const source = authority.visitor()
  const options = { ...source.contextOptions, cert, key }
  return Object.defineProperties(source, {
    contextOptions: { value: options },
    material: { value: { ...source.material, texts: { ...source.material.texts, cert, key } } },
  }) as TlsSource
}

test('a dialer trusts only who has a certificate of its CA for the host that it dials; both sides say so', async () => {
  const host = await startHost({ tls: await authority.source('elsewhere', { hosts: ['node.example.org'] }) })
  const { port } = host.listener
  const wrongHost = await refused(port, { tls: node }, 'CERTIFICATE_REFUSED')
  assert.match(wrongHost, /not for 127\.0\.0\.1; its names are DNS:node\.example\.org/)
  const stranger = await refused(port, { tls: other.visitor(), role: 'client' }, 'CERTIFICATE_REFUSED')
  assert.match(stranger, /was not signed by a CA that this side trusts/)
  await waitUntil('both refusals at the host', () => host.rejections.length === 2)
  assert.deepEqual(
    host.rejections.map(({ code, detail }) => [code, detail]),
    [
      ['CERTIFICATE_REFUSED', 'the dialer refused'],
      ['CERTIFICATE_REFUSED', 'the dialer refused'],
    ],
  )
  await host.close()
})

const mixed: readonly (readonly [string, Partial<ListenOptions>, Partial<DialOptions>])[] = [
  ['the listener only', { tls: node }, {}],
  ['the dialer only', {}, { tls: node }],
]
for (const [who, listening, dialling] of mixed) {
  test(`TLS at ${who}: TLS_MISMATCH on both sides at once`, async () => {
    const host = await startHost(listening)
    await refused(host.listener.port, dialling, 'TLS_MISMATCH')
    await waitUntil('the refusal at the host', () => host.rejections.length === 1)
    assert.equal(host.rejections[0]?.code, 'TLS_MISMATCH')
    await host.close()
  })
}

test('a proof from one channel is worth nothing in another', async () => {
  const host = await startHost({ tls: node })
  // The hello of this dialer is bound to no channel, so that its proof fits none.
  const socket = connectTls({ host: '127.0.0.1', port: host.listener.port, ...node.contextOptions })
  await once(socket, 'secureConnect')
  const handshake = new DialerHandshake({
    identity: { cluster: 'test', incarnation: 'mallory-1' },
    nodeMajor: 20,
    nonce: Buffer.alloc(32, 7),
    role: 'node',
    key: NODE_KEY,
    channelBinding: Buffer.alloc(32, 1),
  })
  socket.on('error', () => {})
  socket.write(encodeFrame(frameKind.handshake, handshake.start()))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  const step = handshake.receive(answer.subarray(5))
  assert.equal(step.kind, 'waiting')
  socket.write(encodeFrame(frameKind.handshake, step.send as Buffer))
  await gone(socket)
  assert.equal(host.rejections[0]?.code, 'SECRET_WRONG')
  assert.equal(host.links.length, 0)
  await host.close()
})

test('no session is resumed, so whoever comes again is asked for a certificate again', async () => {
  const host = await startHost({ tls: node })
  const visit = async (session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> => {
    const ca = authority.texts.cert
    const socket = connectTls({
      host: '127.0.0.1',
      port: host.listener.port,
      ca,
      ...(session && { session }),
    })
    let told: Buffer | undefined
    socket.on('session', (given: Buffer) => {
      told = given
    })
    await once(socket, 'secureConnect')
    const reused = socket.isSessionReused()
    socket.write(encodeFrame(frameKind.handshake, Buffer.from('{}')))
    socket.resume()
    await gone(socket)
    return { reused, session: told }
  }
  const first = await visit()
  assert.equal(first.reused, false)
  assert.equal((await visit(first.session)).reused, false)
  await host.close()
})

test('TLS 1.2 is refused', async () => {
  const host = await startHost({ tls: node })
  const ca = authority.texts.cert
  const socket = connectTls({ host: '127.0.0.1', port: host.listener.port, ca, maxVersion: 'TLSv1.2' })
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.match(error.code ?? '', /PROTOCOL_VERSION/)
  await waitUntil('the refusal', () => host.rejections.length === 1)
  assert.equal(host.rejections[0]?.code, 'HANDSHAKE_FAILED')
  assert.equal(protocolOptions.minVersion, 'TLSv1.3')
  await host.close()
})

test('bytes that begin as TLS and are none end their connection, and nothing else', async () => {
  const host = await startHost({ tls: node })
  const socket = await rawSocket(host.listener.port)
  socket.write(Buffer.from('16030100050102030405ffffffffffffffffff', 'hex'))
  socket.resume()
  await gone(socket)
  await waitUntil('the refusal', () => host.rejections.length === 1)
  const link = await dialHost(host.listener.port, { tls: node })
  link.close()
  await host.close()
})

test('slow connections and garbage lock nobody out: a peer of the same address gets in, and one of another', async () => {
  const host = await startHost({ tls: node })
  const { port } = host.listener
  const sockets = await Promise.all(Array.from({ length: 150 }, () => rawSocket(port)))
  let ended = 0
  for (const [index, socket] of sockets.entries()) {
    socket.on('close', () => ended++).resume()
    // A part of a hello, or what looks like one.
    socket.write(Buffer.from(index % 2 === 0 ? '16' : '160301000501020304', 'hex'))
  }
  for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
    const link = await dialHost(port, { tls: node, localAddress })
    assert.ok(link.isOpen)
    link.close()
  }
  await waitUntil('all of them to be ended', () => ended === sockets.length)
  assert.equal(host.links.length, 2)
  await host.close()
})

test('processes of one application need no certificates: its key opens the channel', async () => {
  const key = deriveKey(NODE_KEY, 'application', 'app-1')
  const host = await startHost({
    tls: 'key',
    keyFor: (role, subject) => (role === 'application' ? deriveKey(NODE_KEY, role, subject) : undefined),
  })
  const executor = { tls: 'key', role: 'application', subject: 'app-1', key } as const
  const { far } = await linkPair(host, executor)
  assert.equal(far.peer.subject, 'app-1')
  await refused(host.listener.port, { ...executor, subject: 'app-2' }, 'SECRET_WRONG')
  await refused(host.listener.port, { tls: node }, 'HANDSHAKE_FAILED')
  await refused(host.listener.port, { ...executor, tls: undefined }, 'TLS_MISMATCH')
  await host.close()
})

test('a link ends when the certificate that opened it is revoked or its CA is gone; others stay', async () => {
  const files = await authority.files('hub')
  const crl = authority.write('hub-crl.pem', await authority.revoke([]))
  const tls = new TlsSource({ files: { ...files, crl }, use: { isNode: true } })
  const host = await startHost({ tls })
  const leaving = await authority.source('leaving')
  const one = await linkPair(host, { tls: leaving })
  const two = await linkPair(host, { tls: node, identity: { cluster: 'test', incarnation: 'dialer-2' } })
  const { serialNumber } = new X509Certificate(readFileSync(leaving.files.cert as string))
  authority.write('hub-crl.pem', await authority.revoke([serialNumber]))
  await tls.reload()
  await waitUntil('the end', () => one.farInbox.end !== undefined)
  assert.match(one.farInbox.end?.detail ?? '', /certificate of the other side is revoked/)
  assert.equal(two.far.isOpen, true)
  await refused(host.listener.port, { tls: leaving }, 'CERTIFICATE_REFUSED')
  await host.close()
})

async function refused(port: number, options: Partial<DialOptions>, code: string): Promise<string> {
  let text = ''
  await assert.rejects(dialHost(port, options), (error) => {
    assert.ok(isFiresteelError(error), String(error))
    assert.equal(error.code, `FIRESTEEL_${code}`, error.message)
    text = error.message
    return true
  })
  return text
}
