import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { dial } from '../../runtime/transport/dial.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkKeeper, type LinkKeeperOptions } from '../../runtime/transport/link-keeper.js'
import { waitUntil } from '../harness/wait-until.js'
import { dialHost, Inbox, linkPair, NODE_KEY, provenRaw, startHost } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

interface Kept {
  readonly keeper: LinkKeeper
  readonly links: Link[]
  readonly events: string[]
}

function keep(port: number, options: Partial<LinkKeeperOptions> = {}): Kept {
  const links: Link[] = []
  const events: string[] = []
  const keeper = new LinkKeeper({
    host: '127.0.0.1',
    port,
    identity: { cluster: 'test', incarnation: 'keeper-1' },
    role: 'node',
    tls: undefined,
    key: NODE_KEY,
    onLink: (link) => {
      link.setReceiver(new Inbox())
      links.push(link)
    },
    onDown: (end) => events.push(end.kind),
    onRefused: (error) => events.push(error.code),
    onDialFailed: (error) => events.push(error.refused ? 'refused' : error.code),
    ...options,
  })
  return { keeper, links, events }
}

test('a keeper dials again until the listener is back', async () => {
  const host = await startHost()
  const { port } = host.listener
  const { keeper, links, events } = keep(port)
  await waitUntil('the first link', () => links.length === 1 && host.links.length === 1)
  await host.close()
  await waitUntil('a refused dial', () => events.includes('refused'))
  assert.equal(events[0], 'closed-by-peer')
  assert.equal(keeper.link, undefined)
  const again = await startHost({ port })
  await waitUntil('the second link', () => links.length === 2 && again.inboxes.length === 1)
  assert.equal(keeper.link, links[1])
  links[1]?.send({ back: true })
  await waitUntil('it to carry', () => again.inboxes[0]?.envelopes.length === 1)
  keeper.close()
  await waitUntil('the far end to close', () => again.inboxes[0]?.end !== undefined)
  await again.close()
})

test('a wrong secret is told each time, and the keeper goes on more slowly', async () => {
  const host = await startHost()
  const time = new VirtualTime()
  const { keeper, events } = keep(host.listener.port, {
    key: deriveKey('another secret than that of the tests', 'node'),
    timers: time,
    clock: time,
    random: () => 0.999999,
  })
  await waitUntil('the first refusal', () => events.length === 1)
  time.advance(249)
  assert.equal(host.rejections.length, 1, 'it waits')
  time.advance(1)
  await waitUntil('the second refusal', () => events.length === 2)
  assert.deepEqual(events, ['FIRESTEEL_SECRET_WRONG', 'FIRESTEEL_SECRET_WRONG'])
  keeper.retryNow()
  await waitUntil('the third, at once', () => events.length === 3)
  keeper.close()
  await host.close()
})

test('a link in whose place a newer one came is not dialled at once: it would push that one out', async () => {
  const host = await startHost()
  const time = new VirtualTime()
  let dials = 0
  const { keeper, links, events } = keep(host.listener.port, {
    timers: time,
    clock: time,
    random: () => 0,
    dialWith: (options) => {
      dials++
      return dial(options)
    },
  })
  await waitUntil('the link', () => links.length === 1)
  time.advance(10_000)
  links[0]?.replace('a newer link of this peer')
  await waitUntil('its end', () => events.length === 1)
  assert.deepEqual(events, ['replaced'])
  time.advance(limits.reconnectMaxMs / 2 - 1)
  assert.equal(dials, 1, 'it waits')
  time.advance(1)
  assert.equal(dials, 2)
  keeper.close()
  await host.close()
})

test('a closed keeper leaves no timer and no dial behind', async () => {
  const host = await startHost()
  const { port } = host.listener
  await host.close()
  const time = new VirtualTime()
  const { keeper, events } = keep(port, { timers: time, clock: time })
  await waitUntil('a refused dial', () => events.length === 1)
  assert.equal(time.pending, 1)
  keeper.close()
  keeper.retryNow()
  assert.equal(time.pending, 0)
})

test('a keeper closed while it dials gives no link', async () => {
  let arrive: (link: Link) => void = () => {}
  const host = await startHost()
  const { keeper, links } = keep(host.listener.port, {
    dialWith: () =>
      new Promise((resolve) => {
        arrive = resolve
      }),
  })
  keeper.close()
  const { link } = await linkPair(host)
  arrive(link)
  await waitUntil('the late link to be closed', () => !link.isOpen)
  assert.equal(links.length, 0)
  await host.close()
})

test('a reset by the peer is told apart from a close', async () => {
  const host = await startHost()
  const socket = await provenRaw(host.listener.port)
  await waitUntil('the link', () => host.links.length === 1)
  socket.resetAndDestroy()
  await waitUntil('the end', () => host.inboxes[0]?.end !== undefined)
  assert.equal(host.inboxes[0]?.end?.kind, 'reset')
  await host.close()
})

test('a broken frame of a proven peer cuts its link, is reported, and other links live', async () => {
  const host = await startHost()
  const { link, farInbox } = await linkPair(host)
  const socket = await provenRaw(host.listener.port)
  await waitUntil('the link', () => host.links.length === 2)
  socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await waitUntil('the cut', () => host.inboxes[1]?.end !== undefined)
  assert.equal(host.inboxes[1]?.end?.kind, 'invalid')
  assert.equal(host.invalid.length, 1)
  link.send({ fine: true })
  await waitUntil('the other link to carry', () => farInbox.envelopes.length === 1)
  await host.close()
})

test('the first bytes that are no JSON cut the link, however many follow', async () => {
  const host = await startHost()
  for (const [index, unit] of [',\n', 'x', '[', '{"__proto__":{}},\n'].entries()) {
    const socket = await provenRaw(host.listener.port)
    await waitUntil('the link', () => host.links.length === index + 1)
    const body = `[{"id":1},\n${unit.repeat(900_000 / unit.length)}0]`
    socket.write(encodeFrame(frameKind.envelopes, Buffer.from(body)))
    await waitUntil('the cut', () => host.inboxes[index]?.end !== undefined)
    assert.equal(host.inboxes[index]?.end?.kind, 'invalid')
    assert.equal(host.links[index]?.invalidCount, 1)
    socket.destroy()
  }
  await host.close()
})

test('a flood of pings is answered without filling our memory', async () => {
  const host = await startHost()
  const socket = await provenRaw(host.listener.port)
  await waitUntil('the link', () => host.links.length === 1)
  let came = 0
  socket.on('data', (chunk: Buffer) => {
    came += chunk.length
  })
  const pings = Buffer.concat(
    Array.from({ length: 50_000 }, () => encodeFrame(frameKind.ping, Buffer.alloc(0))),
  )
  socket.write(pings)
  socket.write(encodeFrame(frameKind.envelopes, Buffer.from('[{"last":true}]')))
  await waitUntil('all to be read', () => host.inboxes[0]?.envelopes.length === 1)
  await waitUntil('a pong', () => came > 0)
  assert.ok(came < pings.length / 100, `${came} bytes of pongs`)
  socket.destroy()
  await host.close()
})

test('an acceptor with a fresh identity shows it from the next link on', async () => {
  let incarnation = 'master-1'
  const host = await startHost({ identity: () => ({ cluster: 'test', incarnation }) })
  const first = await dialHost(host.listener.port)
  incarnation = 'master-2'
  const second = await dialHost(host.listener.port, {
    identity: { cluster: 'test', incarnation: 'dialer-2' },
  })
  assert.deepEqual([first.peer.incarnation, second.peer.incarnation], ['master-1', 'master-2'])
  first.close()
  second.close()
  await host.close()
})
