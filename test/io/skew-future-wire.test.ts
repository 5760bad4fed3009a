import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { checked, type MasterMessage } from '../../actors/messages/catalogue.js'
import { readFromExecutor, readToExecutor } from '../../actors/messages/tasks.js'
import { limits } from '../../runtime/limits.js'
import type { WireEnvelope } from '../../runtime/system/envelope.js'
import { systemTimers } from '../../runtime/timers.js'
import { encodeFrame, FrameDecoder, type FrameKind, frameKind } from '../../runtime/transport/frame.js'
import { Gateway, type LinkMessage } from '../../runtime/transport/gateway.js'
import { DialerHandshake } from '../../runtime/transport/handshake.js'
import { readHandshake } from '../../runtime/transport/handshake-message.js'
import type { Link } from '../../runtime/transport/link.js'
import { formatProtocols, ownProtocols } from '../../runtime/transport/protocol-range.js'
import { type HandshakeResult, runHandshake } from '../../runtime/transport/run-handshake.js'
import { type HandshakeLine, playHandshake } from '../fixtures/handshakes.js'
import { envelopesOf, type MessageLine, recordedSystem } from '../fixtures/messages.js'
import { currentRelease, readLines } from '../fixtures/releases.js'
import { waitUntil } from '../harness/wait-until.js'
import {
  dialHost,
  gone,
  type Host,
  Inbox,
  NODE_KEY,
  rawSocket,
  startHost,
} from '../tools/transport-support.js'

/* What a release of the future says to this one: nothing of it is guessed at, and who says it is told. */

const NEXT = ownProtocols.max + 1
const LATER = formatProtocols({ min: NEXT, max: NEXT + 1 })
const OURS = formatProtocols(ownProtocols)
const BOTH = `it speaks protocol ${NEXT} to ${NEXT + 1}, we speak ${ownProtocols.max}`
const recorded = readLines<HandshakeLine>(currentRelease, 'handshakes.jsonl')
const workerToMaster = recorded.find(({ name }) => name === 'worker to master') as HandshakeLine

/** A recorded hello or hello-back, as a release with a higher version might send it. */
function future(frame: { readonly body: string } | undefined): string {
  assert.ok(frame)
  return JSON.stringify({ ...JSON.parse(frame.body), protocols: LATER, features: ['zstd'], nonce: 'shorter' })
}

async function hostOf(t: TestContext, options: Parameters<typeof startHost>[0] = {}): Promise<Host> {
  const host = await startHost(options)
  t.after(() => host.close())
  return host
}

const handshakeFrame = (body: string): Buffer => encodeFrame(frameKind.handshake, Buffer.from(body))

/** The first frame that a peer sends. */
async function firstFrame(socket: Socket): Promise<unknown> {
  const decoder = new FrameDecoder()
  for await (const chunk of socket) {
    const [frame] = decoder.push(chunk as Buffer)
    if (frame !== undefined) return JSON.parse(frame.body.toString('utf8'))
  }
  return undefined
}

test('a dialer of a higher version is told so, with our version, and let go', async (t) => {
  const host = await hostOf(t)
  const socket = await rawSocket(host.listener.port)
  socket.write(handshakeFrame(future(workerToMaster.frames[0])))
  assert.deepEqual(await firstFrame(socket), {
    type: 'refused',
    code: 'VERSION_UNSUPPORTED',
    protocols: OURS,
  })
  assert.deepEqual(
    host.rejections.map(({ code, detail }) => [code, detail]),
    [['VERSION_UNSUPPORTED', BOTH]],
  )
  assert.equal(host.links.length, 0)
})

test('a listener of a higher version: VERSION_UNSUPPORTED, whether it answers or refuses', async (t) => {
  const answers = [
    future(workerToMaster.frames[1]),
    JSON.stringify({ type: 'refused', code: 'VERSION_UNSUPPORTED', protocols: LATER }),
  ]
  for (const answer of answers) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(handshakeFrame(answer)))
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await assert.rejects(dialHost(port), (error: Error & { code?: string; place?: string }) => {
      assert.equal(error.code, 'FIRESTEEL_VERSION_UNSUPPORTED')
      assert.equal(error.place, `127.0.0.1:${port}`)
      assert.ok(error.message.includes(BOTH), error.message)
      return true
    })
  }
})

test('a dialer that speaks later protocols as well: the highest common one, and unknown fields are ignored', () => {
  const { parts } = workerToMaster
  const later = { ...parts.dialer, protocols: { min: ownProtocols.min, max: NEXT + 5 } }
  for (const known of [parts, { ...parts, dialer: later }]) {
    const { meaning } = playHandshake(known)
    const { linked } = meaning.acceptor as { linked: { protocol: number } }
    assert.equal(linked.protocol, ownProtocols.max)
  }
  // The hello is part of what is proved, so its fields cannot be added on the way; what it says is read all
  // the same.
  const hello = JSON.parse(workerToMaster.frames[0]?.body ?? '') as object
  const read = readHandshake(Buffer.from(JSON.stringify({ ...hello, feature: 'zstd' })))
  assert.equal(read?.type, 'hello')
  const refused = { type: 'refused', code: 'TOKEN_EXPIRED', protocols: LATER, until: 7 }
  assert.deepEqual(readHandshake(Buffer.from(JSON.stringify(refused))), {
    type: 'refused',
    code: 'HANDSHAKE_FAILED',
    protocols: LATER,
  })
})

interface Served {
  readonly gateway: Gateway<MasterMessage>
  readonly got: string[]
  readonly rejected: string[]
  /** The other end. */
  readonly link: Link
  readonly host: Host
}

/** A Master's boundary over a real link, with an actor that answers what it is asked. */
async function serve(t: TestContext): Promise<Served> {
  const got: string[] = []
  const rejected: string[] = []
  const system = recordedSystem('firesteel://test@127.0.0.1:1', 1)
  const gateway = new Gateway<MasterMessage>({
    system,
    check: (message) => checked('master', message),
    remotePath: () => '/user/Worker',
    onRejected: (_peer, reason) => rejected.push(reason),
  })
  const actor = system.spawn<MasterMessage | LinkMessage>('Master', (context) => ({
    receive(message, envelope) {
      got.push(message.type)
      context.reply(envelope, { type: 'TailTaken' })
    },
  }))
  gateway.serve(actor)
  const host = await hostOf(t, { onLink: (link) => gateway.attach(link) })
  const link = await dialHost(host.listener.port)
  link.setReceiver(new Inbox())
  t.after(() => link.close())
  return { gateway, got, rejected, link, host }
}

const heartbeat = readLines<MessageLine>(currentRelease, 'messages.jsonl').find(
  ({ receiver, type }) => receiver === 'master' && type === 'Heartbeat',
) as MessageLine
const envelope = envelopesOf(heartbeat)[0] as WireEnvelope

test('an unknown type or value: dropped, counted and told with its sender; an unknown field is ignored; the link stays', async (t) => {
  const { gateway, got, rejected, link } = await serve(t)
  const odd = [
    { ...envelope, message: { type: 'Rebalance', workerId: 'w1' } },
    { ...envelope, message: { ...envelope.message, sentAtMs: 'now' } },
    // An answer that is never given: who asks waits until its own deadline.
    { ...envelope, message: { type: 'RequestRebalance' }, ask: '1', askMs: 1000 },
  ]
  for (const each of odd) link.send(each)
  link.send({ ...envelope, message: { ...envelope.message, load: 0.5 } })
  await waitUntil('the message that is known', () => got.includes('Heartbeat'))
  assert.deepEqual(got, ['LinkUp', 'Heartbeat'])
  assert.equal(gateway.rejected, odd.length)
  assert.deepEqual(rejected, [
    'unknown type "Rebalance"',
    'Heartbeat: sentAtMs: Invalid input: expected number, received string',
    'unknown type "RequestRebalance"',
  ])
  assert.ok(link.isOpen)
})

test('an unknown field of the envelope is ignored, and so is the receiver that is not there', async (t) => {
  const { gateway, got, rejected, link } = await serve(t)
  link.send({ ...envelope, to: '/user/Archive' })
  link.send({ ...envelope, priority: 1 })
  await waitUntil('the message', () => got.includes('Heartbeat'))
  assert.deepEqual(rejected, ['no actor /user/Archive'])
  assert.equal(gateway.rejected, 1)
})

/** A connection past its handshake, to write what no link of ours would. */
async function provenSocket(port: number): Promise<Socket> {
  const socket = await rawSocket(port)
  const handshake = new DialerHandshake({
    identity: { cluster: 'test', incarnation: 'future-1' },
    nodeMajor: 99,
    nonce: randomBytes(32),
    role: 'node',
    key: NODE_KEY,
  })
  const result = await new Promise<HandshakeResult>((done) => {
    runHandshake({
      socket,
      first: handshake.start(),
      receive: (body) => handshake.receive(body),
      timers: systemTimers,
      timeoutMs: limits.handshakeMs,
      done,
    })
  })
  assert.equal(result.kind, 'linked', 'another major of Node is no hindrance')
  socket.resume()
  return socket
}

test('an unknown kind of frame ends the link, and says why', async (t) => {
  const { got, host } = await serve(t)
  const socket = await provenSocket(host.listener.port)
  const closed = gone(socket)
  socket.write(encodeFrame(6 as FrameKind, Buffer.from('{}')))
  await closed
  assert.deepEqual(host.invalid, ['A frame of kind 6 may not come here.'])
  await waitUntil('the end of that link', () => got.includes('LinkDown'))
  assert.deepEqual(got, ['LinkUp', 'LinkUp', 'LinkDown'])
})

test('a task message of an unknown kind is refused as a whole, whichever way it goes', () => {
  const invalid = (text: RegExp) => ({ code: 'FIRESTEEL_FRAME_INVALID', message: text })
  assert.throws(
    () => readToExecutor(Buffer.from([200, 1, 2])),
    invalid(/200 is not a message to an executor/),
  )
  assert.throws(
    () => readFromExecutor(Buffer.from([200, 1, 2])),
    invalid(/200 is not a message of an executor/),
  )
})
