import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { DialError } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { waitUntil } from '../harness/wait-until.js'
import { dialHost, gone, linkPair, rawSocket, startHost } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

test('both ends know each other', async () => {
  const host = await startHost()
  const { link, far } = await linkPair(host)
  assert.deepEqual(link.peer, {
    role: 'node',
    incarnation: 'host-1',
    cluster: 'test',
    advertise: 'host.example:7070',
    nodeMajor: Number.parseInt(process.versions.node, 10),
    address: `127.0.0.1:${host.listener.port}`,
    dialled: true,
    protocol: 1,
  })
  assert.equal(far.peer.incarnation, 'dialer-1')
  assert.match(far.peer.address, /^127\.0\.0\.1:\d+$/)
  assert.equal(link.localAddress, '127.0.0.1')
  await host.close()
})

const refusals: [string, Parameters<typeof dialHost>[1]][] = [
  ['SECRET_WRONG', { key: deriveKey('another secret than that of the tests', 'node') }],
  ['SECRET_WRONG', { role: 'driver', subject: 'driver-1/1' }],
  ['CLUSTER_MISMATCH', { identity: { cluster: 'other', incarnation: 'dialer-1' } }],
  ['HANDSHAKE_FAILED', { identity: { cluster: 'test', incarnation: 'host-1' } }],
]
for (const [code, options] of refusals) {
  test(`the dialer is told ${code} (${Object.keys(options ?? {})})`, async () => {
    const host = await startHost()
    await assert.rejects(dialHost(host.listener.port, options), (error) => {
      assert.ok(error instanceof DialError)
      assert.equal(error.code, `FIRESTEEL_${code}`)
      assert.equal(error.refused, false)
      return true
    })
    assert.deepEqual(
      host.rejections.map((rejection) => rejection.code),
      [code],
    )
    assert.equal(host.links.length, 0)
    await host.close()
  })
}

test('a port where nobody listens: LINK_CLOSED, refused, the cause kept', async () => {
  const host = await startHost()
  const { port } = host.listener
  await host.close()
  await assert.rejects(dialHost(port), (error) => {
    assert.ok(error instanceof DialError)
    assert.equal(error.code, 'FIRESTEEL_LINK_CLOSED')
    assert.equal(error.refused, true)
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return true
  })
})

test('a taken port: PORT_IN_USE names it; a foreign host: LISTEN_FAILED', async () => {
  const host = await startHost()
  const { port } = host.listener
  await assert.rejects(startHost({ port }), (error) => {
    assert.ok(isFiresteelError(error, 'PORT_IN_USE'))
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
    return true
  })
  await assert.rejects(startHost({ host: '192.0.2.1' }), { code: 'FIRESTEEL_LISTEN_FAILED' })
  await assert.rejects(startHost({ identity: { cluster: 'a\nb', incarnation: 'x' } }), {
    code: 'FIRESTEEL_HANDSHAKE_FAILED',
  })
  await host.close()
})

test('a listener that never answers: HANDSHAKE_FAILED after the deadline, on virtual time', async () => {
  const mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const { port } = mute.address() as { port: number }
  const time = new VirtualTime()
  const greeted = once(mute, 'connection').then(([socket]) => once(socket, 'data'))
  const dialled = dialHost(port, { timers: time })
  const outcome = assert.rejects(dialled, { code: 'FIRESTEEL_HANDSHAKE_FAILED' })
  await greeted
  time.advance(limits.handshakeMs - 1)
  assert.equal(time.pending, 1)
  time.advance(1)
  await outcome
  assert.equal(time.pending, 0)
  mute.close()
})

test('a dial can be given up', async () => {
  const mute = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const { port } = mute.address() as { port: number }
  const controller = new AbortController()
  const connected = once(mute, 'connection')
  const dialled = dialHost(port, { signal: controller.signal })
  const outcome = assert.rejects(dialled, DialError)
  await connected
  controller.abort()
  await outcome
  await assert.rejects(dialHost(port, { signal: controller.signal }), { code: 'FIRESTEEL_LINK_CLOSED' })
  mute.close()
})

test('half a handshake is cut after 5 s, on virtual time', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const socket = await rawSocket(host.listener.port)
  socket.write(Buffer.from([0, 0, 1, 0, 1, 0x7b]))
  await waitUntil('the handshake to be open', () => time.pending === 1)
  time.advance(limits.handshakeMs - 1)
  assert.equal(host.rejections.length, 0)
  const closed = gone(socket)
  time.advance(1)
  await closed
  assert.match(host.rejections[0]?.detail ?? '', /5000 ms/)
  await host.close()
})

test('a refused peer that does not close is cut at the deadline', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const socket = await rawSocket(host.listener.port)
  socket.allowHalfOpen = true
  const body = Buffer.from('{}')
  socket.write(Buffer.concat([Buffer.from([0, 0, 0, body.length, 1]), body]))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /HANDSHAKE_FAILED/)
  assert.equal(time.pending, 1)
  const closed = gone(socket)
  time.advance(limits.handshakeMs)
  await waitUntil('the socket to be cut', () => {
    socket.write('x')
    return socket.destroyed
  })
  await closed
  await host.close()
})

test('idle connections lock nobody of their address out, and the oldest of them go', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const { port } = host.listener
  const idle = await Promise.all(
    Array.from({ length: limits.openHandshakesPerAddress }, () => rawSocket(port)),
  )
  await waitUntil('all to be counted', () => time.pending === idle.length)
  time.advance(limits.openHandshakeGraceMs)
  const first = gone(idle[0] as Socket)
  const { link } = await linkPair(host)
  await first
  assert.match(host.rejections[0]?.detail ?? '', /closed/)
  const { link: another } = await linkPair(host)
  assert.ok(link.isOpen && another.isOpen, 'links do not count')
  assert.ok(idle.filter(({ destroyed }) => destroyed).length <= 2)
  await host.close()
  for (const socket of idle) socket.destroy()
})

const strangers: [string, Buffer][] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc])],
  ['zeros', Buffer.alloc(4096)],
  ['an envelope before the proof', Buffer.from([0, 0, 0, 2, 2, 0x5b, 0x5d])],
  ['noise', Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 7919 + 13) % 251))],
]
for (const [name, bytes] of strangers) {
  test(`${name} at the port is cut and the listener lives`, async () => {
    const host = await startHost()
    const socket = await rawSocket(host.listener.port)
    const closed = gone(socket)
    socket.write(bytes)
    socket.resume()
    await closed
    assert.equal(host.rejections.length, 1)
    const { link } = await linkPair(host)
    assert.ok(link.isOpen)
    await host.close()
  })
}

test('closing the listener cuts open handshakes and lets links live', async () => {
  const host = await startHost()
  const { link, farInbox } = await linkPair(host)
  const half = await rawSocket(host.listener.port)
  const closed = gone(half)
  await waitUntil('the half to be accepted', () => half.readyState === 'open')
  await host.listener.close()
  await closed
  link.send({ still: 'here' })
  await waitUntil('the envelope', () => farInbox.envelopes.length === 1)
  await host.close()
})
