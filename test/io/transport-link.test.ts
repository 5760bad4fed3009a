import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { limits } from '../../runtime/limits.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import { HeldBytes } from '../../runtime/transport/held-bytes.js'
import type { Role } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkTable } from '../../runtime/transport/link-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { dialHost, Inbox, linkPair, provenRaw, startHost } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

const MIB = 1024 * 1024

test('envelopes and payload go both ways, each in order', async () => {
  const host = await startHost()
  const { link, inbox, far, farInbox } = await linkPair(host)
  for (let id = 0; id < 20_000; id++) link.send({ id })
  far.send({ hello: 'ü€\u{1f525}' })
  far.sendPayload([Buffer.from('head'), Buffer.alloc(limits.payloadChunkBytes, 1)])
  await waitUntil('all to come', () => farInbox.envelopes.length === 20_000 && inbox.payloadBytes > 0)
  assert.ok(farInbox.envelopes.every((envelope, id) => (envelope as { id: number }).id === id))
  assert.deepEqual(inbox.envelopes, [{ hello: 'ü€\u{1f525}' }])
  assert.equal(inbox.payloadBytes, 4 + limits.payloadChunkBytes)
  assert.equal(link.bufferedBytes, 0)
  await host.close()
})

test('what came before the receiver was set is delivered to it', async () => {
  const host = await startHost()
  const link = await dialHost(host.listener.port)
  await waitUntil('the far end', () => host.links.length === 1)
  host.links[0]?.send({ first: true })
  await waitUntil('it to leave', () => host.links[0]?.bufferedBytes === 0)
  const inbox = new Inbox()
  link.setReceiver(inbox)
  assert.equal(inbox.envelopes.length, 0, 'not from inside the call')
  await waitUntil('the envelope', () => inbox.envelopes.length === 1)
  await host.close()
})

test('close lets what was sent arrive, and both ends are told once', async () => {
  const host = await startHost()
  const { link, inbox, far, farInbox } = await linkPair(host)
  for (let id = 0; id < 1000; id++) link.send({ id })
  const told: string[] = []
  link.whenEnded((end) => told.push(end.kind))
  link.close('done')
  link.close('again')
  assert.equal(link.isOpen, false)
  assert.equal(inbox.end, undefined, 'not from inside the call')
  assert.equal(link.send({ late: true }), false)
  await waitUntil('the far end to close', () => farInbox.end !== undefined)
  assert.equal(farInbox.envelopes.length, 1000)
  assert.equal(farInbox.end?.kind, 'closed-by-peer')
  assert.deepEqual(inbox.end, { kind: 'local', detail: 'done' })
  link.whenEnded((end) => told.push(end.detail))
  await turn()
  assert.deepEqual(told, ['local', 'done'])
  assert.equal(far.isOpen, false)
  await host.close()
})

test('a close toward a peer that does not read is over after the linger time', async () => {
  const time = new VirtualTime()
  const host = await startHost({ onLink: (link) => silent.push(link) })
  const silent: Link[] = []
  const link = await dialHost(host.listener.port, { timers: time, clock: time })
  link.setReceiver(new Inbox())
  // More than the kernel takes, so that the end waits behind it.
  while (link.bufferedBytes < 2 * MIB) {
    link.send({ text: 'x'.repeat(100_000) })
    await turn()
  }
  link.close()
  assert.equal(time.pending, 1)
  time.advance(limits.linkLingerMs)
  await waitUntil('the far end', () => silent.length === 1)
  const far = new Inbox()
  silent[0]?.setReceiver(far)
  await waitUntil('the cut to be seen', () => far.end !== undefined)
  await host.close()
})

test('a new link to the same incarnation ends the old one, unread rest included', async () => {
  const table = new LinkTable<Link>()
  const inboxes: Inbox[] = []
  const host = await startHost({
    onLink: (link) => {
      const inbox = new Inbox()
      inboxes.push(inbox)
      table.add(link)
      link.setReceiver(inbox)
    },
  })
  const first = await dialHost(host.listener.port)
  const firstInbox = new Inbox()
  first.setReceiver(firstInbox)
  const second = await dialHost(host.listener.port)
  second.setReceiver(new Inbox())
  await waitUntil('the old one to end at both ends', () => inboxes[0]?.end && firstInbox.end)
  assert.equal(inboxes[0]?.end?.kind, 'replaced')
  assert.equal(table.size, 1)
  second.send({ via: 'second' })
  await waitUntil('the new one to carry', () => inboxes[1]?.envelopes.length === 1)
  table.closeAll()
  await host.close()
})

test('a link that ends in the middle of a batch delivers nothing of its rest', async () => {
  const host = await startHost()
  const { link, far, farInbox } = await linkPair(host)
  farInbox.envelope = (raw) => {
    farInbox.envelopes.push(raw)
    far.replace('by the test')
  }
  for (let id = 0; id < 100; id++) link.send({ id })
  await waitUntil('the end', () => farInbox.end !== undefined)
  assert.equal(farInbox.envelopes.length, 1)
  await host.close()
})

/** The far end reads nothing until told. */
async function deafPair(
  role: Role = 'node',
): Promise<{ link: Link; inbox: Inbox; far: Link; close: () => Promise<void> }> {
  const deaf: Link[] = []
  // No pings: each would let the writer look again, and hide a drain that nothing else brings about.
  const time = new VirtualTime()
  const host = await startHost({ onLink: (link) => deaf.push(link), timers: time, clock: time })
  const link = await dialHost(host.listener.port, { timers: time, clock: time, role })
  const inbox = new Inbox()
  if (role === 'node') link.setReceiver(inbox)
  await waitUntil('the far end', () => deaf.length === 1)
  const far = deaf[0] as Link
  const close = async (): Promise<void> => {
    far.close()
    await host.close()
  }
  return { link, inbox, far, close }
}

const sendQueues: [string, (link: Link, id: number) => boolean][] = [
  ['envelopes', (link, id) => link.send({ id, text: 'x'.repeat(10_000) })],
  ['payload', (link) => link.sendPayload([new Uint8Array(limits.payloadChunkBytes)])],
]
for (const [name, sendOne] of sendQueues) {
  test(`${name}: a peer that does not read pushes back, and drain says when to go on`, async () => {
    const { link, inbox, far, close } = await deafPair()
    let sent = 0
    while (sendOne(link, sent++)) if (sent % 50 === 0) await turn()
    assert.ok(link.bufferedBytes > limits.linkHighWaterBytes)
    assert.ok(link.bufferedBytes < limits.linkHighWaterBytes + 2 * limits.linkBatchBytes)
    assert.equal(inbox.drains, 0)
    const farInbox = new Inbox()
    far.setReceiver(farInbox)
    await waitUntil('drain', () => inbox.drains === 1)
    assert.ok(link.bufferedBytes <= limits.linkHighWaterBytes / 2)
    assert.equal(sendOne(link, sent++), true)
    await waitUntil('all to come', () => farInbox.order.length === sent)
    await close()
  })

  test(`${name}: who does not stop is cut at the hard cap`, async () => {
    const { link, inbox, close } = await deafPair()
    let most = 0
    for (let id = 0; link.isOpen; id++) {
      sendOne(link, id)
      most = Math.max(most, link.bufferedBytes)
      if (id % 50 === 0) await turn()
    }
    const cap = limits.linkHighWaterBytes * limits.linkOverflowFactor
    assert.ok(most > limits.linkHighWaterBytes && most <= cap, `${most} bytes at most`)
    await waitUntil('the end', () => inbox.end !== undefined)
    assert.equal(inbox.end?.kind, 'overflow')
    assert.equal(link.bufferedBytes, 0)
    await close()
  })
}

test('one envelope as large as it may be does not cut an empty link', async () => {
  const host = await startHost()
  const { link, farInbox } = await linkPair(host)
  link.send({ text: 'x'.repeat(limits.nodeMessageBytes - 20) })
  assert.throws(() => link.send({ text: 'x'.repeat(limits.nodeMessageBytes) }), {
    code: 'FIRESTEEL_MESSAGE_TOO_LARGE',
  })
  await waitUntil('it to come', () => farInbox.envelopes.length === 1)
  assert.ok(link.isOpen)
  await host.close()
})

test('envelopes and pings overtake a payload of 50 MB', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: new VirtualTime() })
  const { link, inbox, farInbox } = await linkPair(host, { timers: time, clock: time })
  const total = 50 * MIB
  const chunk = Buffer.alloc(limits.payloadChunkBytes, 7)
  const arrivedAt: number[] = []
  const acceptedAt: number[] = []
  farInbox.envelope = () => arrivedAt.push(farInbox.payloadBytes)
  let accepted = 0
  let receivedMidway = false
  const fill = (): void => {
    receivedMidway ||= link.lastReceivedMs >= 1000 && farInbox.payloadBytes < total
    let more = true
    while (more && accepted < total) {
      more = link.sendPayload([chunk])
      accepted += chunk.length
    }
    if (accepted >= total) return
    acceptedAt.push(accepted)
    // Two turns later: whatever goes to the socket at once has gone by then.
    setImmediate(() =>
      setImmediate(() => {
        link.send({ accepted })
        time.advance(limits.linkHeartbeatMs)
      }),
    )
  }
  inbox.drain = fill
  fill()
  await waitUntil(
    'all of it',
    () => farInbox.payloadBytes === total && arrivedAt.length === acceptedAt.length,
  )
  assert.ok(acceptedAt.length >= 5, `${acceptedAt.length} envelopes in between`)
  // Of the high-water mark, all but the windows of those turns was still ahead of us when the envelope went
  // by.
  const overtaken = limits.linkHighWaterBytes - 4 * (limits.payloadWindowBytes + limits.payloadChunkBytes)
  for (const [index, arrived] of arrivedAt.entries()) {
    assert.ok((acceptedAt[index] as number) - arrived >= overtaken, `envelope ${index} waited`)
  }
  assert.ok(receivedMidway, 'a pong came while the payload was under way')
  assert.equal(inbox.end, undefined)
  await host.close()
})

test('a silent peer ends the link after deadMs of virtual time', async () => {
  const time = new VirtualTime()
  const { host, link, inbox } = await deafHostLink(time)
  time.advance(limits.linkDeadMs - 1)
  await turn()
  await turn()
  assert.ok(link.isOpen)
  time.advance(1)
  await waitUntil('the end of the link', () => inbox.end !== undefined)
  assert.equal(inbox.end?.kind, 'silent')
  assert.equal(time.pending, 0)
  await host.close()
})

test('toward a driver silence lasts longer', async () => {
  const time = new VirtualTime()
  const { host, link, inbox } = await deafHostLink(time)
  link.setDeadMs(limits.driverLinkDeadMs)
  time.advance(limits.driverLinkDeadMs - 1)
  await turn()
  await turn()
  assert.ok(link.isOpen)
  time.advance(1)
  await waitUntil('the end of the link', () => inbox.end !== undefined)
  await host.close()
})

test('a link that nobody takes is closed after deadMs', async () => {
  const time = new VirtualTime()
  const host = await startHost({ onLink: () => {}, timers: time, clock: time })
  const link = await dialHost(host.listener.port)
  const inbox = new Inbox()
  link.setReceiver(inbox)
  await waitUntil('the far end', () => host.links.length === 1)
  time.advance(limits.linkDeadMs)
  assert.equal(host.links[0]?.isOpen, false)
  await waitUntil('the end to be seen', () => inbox.end !== undefined)
  await host.close()
})

async function deafHostLink(
  time: VirtualTime,
): Promise<{ host: Awaited<ReturnType<typeof startHost>>; link: Link; inbox: Inbox }> {
  const host = await startHost({ onLink: () => {}, timers: new VirtualTime() })
  const link = await dialHost(host.listener.port, { timers: time, clock: time })
  const inbox = new Inbox()
  link.setReceiver(inbox)
  await turn()
  return { host, link, inbox }
}

test('what waits in our own socket is read before a link is declared dead (R7)', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: new VirtualTime() })
  const { link, inbox, far } = await linkPair(host, { timers: time, clock: time })
  await turn()
  far.send({ alive: true })
  // Runs in the same phase as the flush of `far`, so before our socket is polled.
  await new Promise<void>((resolve) =>
    setImmediate(() => {
      assert.equal(inbox.envelopes.length, 0, 'not read yet')
      time.advance(limits.linkDeadMs)
      resolve()
    }),
  )
  await waitUntil('the envelope', () => inbox.envelopes.length === 1)
  await turn()
  await turn()
  assert.ok(link.isOpen)
  assert.equal(link.lastReceivedMs, limits.linkDeadMs)
  await host.close()
})

test('our own stall of a minute is not the silence of a peer', async () => {
  const time = new VirtualTime()
  const { host, link } = await deafHostLink(time)
  time.stall(60_000)
  await turn()
  await turn()
  assert.ok(link.isOpen)
  await host.close()
})

test('ping and pong keep an idle link alive at both ends', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const { link, far } = await linkPair(host, { timers: time, clock: time })
  for (let second = 1; second <= 12; second++) {
    time.advance(1000)
    await waitUntil(
      'both to hear',
      () => link.lastReceivedMs === second * 1000 && far.lastReceivedMs === second * 1000,
    )
  }
  assert.ok(link.isOpen && far.isOpen)
  await host.close()
})

test('what the receiver throws ends the link, and is reported', async () => {
  const host = await startHost()
  const { link, far, farInbox } = await linkPair(host)
  const { envelope } = farInbox
  farInbox.envelope = (raw) => {
    if ((raw as { id: number }).id === 1) throw new Error('no envelope')
    envelope.call(farInbox, raw)
  }
  for (let id = 0; id < 3; id++) link.send({ id })
  await waitUntil('the end', () => farInbox.end !== undefined)
  assert.deepEqual(farInbox.end, { kind: 'invalid', detail: 'no envelope' })
  assert.deepEqual(farInbox.envelopes, [{ id: 0 }])
  assert.deepEqual(host.invalid, ['no envelope'])
  assert.equal(far.invalidCount, 1)
  await host.close()
})

test('a receiver without room holds its link back, loses nothing, and other links go on', async () => {
  const host = await startHost()
  const { link, far, farInbox } = await linkPair(host)
  const other = await linkPair(host, { identity: { cluster: 'test', incarnation: 'other-1' } })
  let capacity = 3
  farInbox.capacity = () => capacity
  const { envelope } = farInbox
  farInbox.envelope = (raw) => {
    capacity--
    envelope.call(farInbox, raw)
  }
  // Far more than the kernel holds for us.
  for (let id = 0; id < 100_000; id++) link.send({ id, text: 'x'.repeat(100) })
  await waitUntil('the first', () => farInbox.envelopes.length === 3)
  other.link.send({ id: 0 })
  await waitUntil('the other link', () => other.farInbox.envelopes.length === 1)
  assert.equal(farInbox.envelopes.length, 3)
  assert.ok(link.bufferedBytes > MIB, `${link.bufferedBytes} bytes wait on the side of the sender`)
  capacity = Number.POSITIVE_INFINITY
  far.goOn()
  await waitUntil('the rest', () => farInbox.envelopes.length === 100_000)
  assert.ok(farInbox.envelopes.every((raw, id) => (raw as { id: number }).id === id))
  await host.close()
})

test('a peer that asks and takes no answer is not read until it does', async () => {
  const { link, far, close } = await deafPair('client')
  far.setReceiver(new Inbox())
  // Its side of the link is read by nobody: what the host says piles up there.
  while (far.send({ text: 'x'.repeat(100_000) })) await turn()
  const farInbox = new Inbox()
  far.setReceiver(farInbox)
  for (let id = 0; id < 10; id++) link.send({ id })
  await waitUntil('the host to hold it back', () => far.isBehind)
  assert.deepEqual(farInbox.envelopes, [])
  link.setReceiver(new Inbox())
  await waitUntil('the questions', () => farInbox.envelopes.length === 10)
  await close()
})

test('a peer that says much and takes nothing is cut, whatever it says', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const socket = await provenRaw(host.listener.port)
  await waitUntil('the link', () => host.links.length === 1)
  const [far] = host.links as [Link]
  socket.pause()
  while (far.send({ text: 'x'.repeat(100_000) })) await turn()
  const ping = encodeFrame(frameKind.ping, Buffer.alloc(0))
  for (let beat = 0; host.inboxes[0]?.end === undefined; beat++) {
    assert.ok(beat < 20)
    socket.write(ping)
    await waitUntil('the ping', () => far.lastReceivedMs === time.monotonicMs())
    time.advance(limits.linkHeartbeatMs)
    await turn()
  }
  assert.match(host.inboxes[0]?.end?.detail ?? '', /took nothing for 5000 ms/)
  socket.destroy()
  await host.close()
})

test('over the budget of all send queues the peer that has taken nothing for longest is cut', async () => {
  const held = { frames: new HeldBytes(MIB, 'frames'), sendQueues: new HeldBytes(3 * MIB, 'messages') }
  const time = new VirtualTime()
  const deaf: Link[] = []
  const host = await startHost({ onLink: (link) => deaf.push(link), timers: time, clock: time })
  const dialOne = async (incarnation: string) => {
    const identity = { cluster: 'test', incarnation }
    const link = await dialHost(host.listener.port, { timers: time, clock: time, identity, held })
    const inbox = new Inbox()
    link.setReceiver(inbox)
    return { link, inbox }
  }
  const first = await dialOne('first')
  const second = await dialOne('second')
  const fill = async (link: Link, bytes: number): Promise<void> => {
    while (link.isOpen && link.bufferedBytes < bytes) {
      link.send({ text: 'x'.repeat(100_000) })
      await turn()
    }
  }
  await fill(first.link, 2 * MIB)
  await fill(second.link, 2 * MIB)
  await waitUntil('the first to be cut', () => first.inbox.end !== undefined)
  assert.match(first.inbox.end?.detail ?? '', /messages wait/)
  assert.ok(second.link.isOpen)
  for (const link of deaf) link.close()
  await host.close()
})

test('a link that is held back is not silent', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const { link, far, farInbox } = await linkPair(host)
  farInbox.capacity = () => 0
  link.send({ id: 0 })
  await waitUntil('it to be held', () => far.isBehind)
  time.advance(10 * limits.linkDeadMs)
  await turn()
  await turn()
  assert.ok(far.isOpen)
  await host.close()
})
