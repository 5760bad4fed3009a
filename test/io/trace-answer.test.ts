import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { checked } from '../../actors/messages/catalogue.js'
import type { RequestTrace, TraceChunk } from '../../actors/messages/trace.js'
import { systemClock } from '../../runtime/clock.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { answerTrace, serveTrace } from '../../runtime/trace/answer-trace.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { dial } from '../../runtime/transport/dial.js'
import { Gateway, type LinkMessage } from '../../runtime/transport/gateway.js'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'
import { envelopeOf } from '../tools/trace-fixture.js'

const SECRET = '0123456789abcdef0123456789abcdef'
const request: RequestTrace = { type: 'RequestTrace' }

/** A process with one actor that serves its trace; to `peers` it is a Master. */
function processOf(t: TestContext, name: string, receiver: 'master' | 'client', relays = true) {
  const ring = new TraceRing(100)
  const system = createSystem({
    name: `firesteel://demo@${name}:1`,
    clock: systemClock,
    epoch: () => 0,
    ring,
  })
  const gateway = new Gateway<Message>({
    system,
    check: (message) => checked(receiver, message),
    remotePath: () => '/user/it',
  })
  const peers = new Set<string>()
  const actor = system.spawn<Message | LinkMessage>('it', (context) => ({
    receive(message, envelope) {
      if (message.type === 'LinkUp') peers.add((message as LinkMessage).peer.incarnation)
      if (message.type !== 'RequestTrace') return
      const asked = message as RequestTrace
      if (receiver === 'client') context.reply(envelope, answerTrace(ring, asked, systemClock.wallMs()))
      else serveTrace({ system, clock: systemClock, ...(relays && { gateway }) }, asked, envelope)
    },
  }))
  gateway.serve(actor)
  t.after(async () => {
    gateway.closeAll('the test ends')
    await system.shutdown()
  })
  return { ring, gateway, peers }
}

async function nodeOf(t: TestContext, relays = true) {
  const node = processOf(t, 'node', 'master', relays)
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'demo', incarnation: 'node-1' },
    keyFor: (role, subject) => deriveKey(SECRET, role, subject),
    onLink: (link) => node.gateway.attach(link),
  })
  t.after(() => listener.close())
  return { ...node, port: listener.port }
}

async function peerOf(t: TestContext, port: number, incarnation: string, role: Role, subject?: string) {
  const peer = processOf(t, incarnation, 'client')
  const link = await dial({
    host: '127.0.0.1',
    port,
    identity: { cluster: 'demo', incarnation },
    role,
    ...(subject !== undefined && { subject }),
    tls: undefined,
    key: deriveKey(SECRET, role, subject),
  })
  peer.gateway.attach(link)
  const ask = (more: Partial<RequestTrace> = {}) =>
    peer.gateway.ask<TraceChunk>('node-1', { ...request, ...more }, { timeoutMs: 5000 })
  return { ...peer, ask }
}

test('nodes and clients may ask, programs in the cluster may not', async (t) => {
  const node = await nodeOf(t)
  node.ring.record(envelopeOf({ type: 'ElectedLeader' }), systemClock.wallMs())
  for (const role of ['node', 'client'] as const) {
    const beforeMs = Date.now()
    const { entries, nowMs } = await (await peerOf(t, node.port, `a-${role}`, role)).ask()
    assert.ok(entries.some(({ message }) => message === 'ElectedLeader'))
    assert.ok(beforeMs <= nowMs && nowMs <= Date.now(), 'the clock of the node, when it answered')
  }
  const driver = await peerOf(t, node.port, 'driver-1', 'driver', 'driver-1/1')
  await assert.rejects(driver.ask(), { code: 'FIRESTEEL_NOT_ALLOWED' })
})

test('a question about an application is passed on to its driver, no other', async (t) => {
  const node = await nodeOf(t)
  const app = await peerOf(t, node.port, 'app-client', 'driver', 'driver-1/1')
  app.ring.record(envelopeOf({ type: 'RegisterApplication' }), 1)
  await peerOf(t, node.port, 'other-node', 'node')
  const asker = await peerOf(t, node.port, 'asker', 'client')
  await waitUntil('all are linked', () => node.peers.size === 3)
  const { entries } = await asker.ask({ of: 'app-client', messages: ['RegisterApplication'] })
  assert.deepEqual(
    entries.map(({ message, at }) => [message, at]),
    [['RegisterApplication', 1]],
  )
  await assert.rejects(asker.ask({ of: 'other-node' }), { code: 'FIRESTEEL_NOT_ALLOWED' })
  await assert.rejects(asker.ask({ of: 'nobody' }), { code: 'FIRESTEEL_LINK_CLOSED' })
})

test('a Worker passes nothing on', async (t) => {
  const node = await nodeOf(t, false)
  const asker = await peerOf(t, node.port, 'asker', 'client')
  await assert.rejects(asker.ask({ of: 'asker' }), { code: 'FIRESTEEL_NOT_ALLOWED' })
})

test('questions and answers of tracing leave no trace', async (t) => {
  const node = await nodeOf(t)
  const asker = await peerOf(t, node.port, 'asker', 'client')
  for (let times = 0; times < 5; times++) await asker.ask()
  const { entries } = await asker.ask()
  assert.deepEqual(
    entries.map(({ message }) => message),
    ['LinkUp'],
  )
})
