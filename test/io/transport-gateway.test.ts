import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isAdmitted } from '../../actors/master/routes.js'
import { checked, isQuestion } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { systemClock } from '../../runtime/clock.js'
import { limits } from '../../runtime/limits.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { dial } from '../../runtime/transport/dial.js'
import { Gateway, type LinkMessage } from '../../runtime/transport/gateway.js'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'

/* The gateway of a Master against a peer with a key that sends raw envelopes over a real link. */

const SECRET = '0123456789abcdef0123456789abcdef'

type Answer = Record<string, unknown> & { type: string }

async function listener(t: TestContext, receive: (message: Message) => Message | undefined) {
  const handled: string[] = []
  const reasons: string[] = []
  const system = createSystem({ name: 'firesteel://demo@m:1', clock: systemClock, epoch: () => 0 })
  const gateway = new Gateway<Message>({
    system,
    check: (message) => checked('master', message),
    isQuestion: (type) => isQuestion('master', type),
    admit: ({ role }, type) => isAdmitted(role, type),
    remotePath: () => '/user/ClientEndpoint',
    onRejected: (_, reason) => reasons.push(reason),
  })
  gateway.serve(
    system.spawn<Message | LinkMessage>('Master', (context) => ({
      receive(message, envelope) {
        if (message.type === 'LinkUp' || message.type === 'LinkDown') return
        handled.push(message.type)
        const answer = receive(message)
        if (answer) context.reply(envelope, answer)
      },
    })),
  )
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'demo', incarnation: 'm-1' },
    keyFor: (role, subject) => deriveKey(SECRET, role, subject),
    onLink: (link) => gateway.attach(link),
  })
  t.after(async () => {
    gateway.closeAll('the test ends')
    await listener.close()
    await system.shutdown()
  })
  return { system, handled, reasons, peer: (role: Role) => peerOf(t, listener.port, role) }
}

async function peerOf(t: TestContext, port: number, role: Role) {
  const link = await dial({
    host: '127.0.0.1',
    port,
    role,
    tls: undefined,
    key: deriveKey(SECRET, role),
    identity: { cluster: 'demo', incarnation: `evil-${role}` },
  })
  t.after(() => link.close('the test ends'))
  const answers = new Map<string, Answer>()
  link.setReceiver({
    envelope: (raw) => {
      const { answer, message } = raw as { answer?: string; message: Answer }
      if (answer !== undefined) answers.set(answer, message)
    },
    payload() {},
    drain() {},
    closed() {},
  })
  let last = 0
  const send = (message: object, more: object = {}) => {
    const id = ++last
    link.send({ from: '/user/evil', to: '/user/Master', message, id, trace: id, epoch: 0, ...more })
  }
  return {
    answers,
    send,
    async ask(message: object, more: object = {}): Promise<Answer> {
      const ask = `q${last + 1}`
      send(message, { ask, askMs: 10_000, ...more })
      await waitUntil(`an answer to ${JSON.stringify(message).slice(0, 60)}`, () => answers.has(ask))
      return answers.get(ask) as Answer
    },
  }
}

const submission = {
  type: 'RequestSubmitDriver',
  key: 'k',
  description: driverDescription,
}

test('a request that breaks a rule is answered at once, with field and rule; nobody waits for a deadline', async (t) => {
  const { peer, handled } = await listener(t, () => undefined)
  const client = await peer('client')
  const { description } = submission
  const cases: [object, RegExp][] = [
    [{ ...submission, key: '' }, /RequestSubmitDriver: key: .*>=1/],
    [{ ...submission, description: { ...description, name: 'x'.repeat(300) } }, /description\.name: .*<=256/],
    [{ ...submission, description: { ...description, cores: 0 } }, /description\.cores/],
    [{ ...submission, key: { length: { toString: 1 } } }, /under `length`/],
    [{ type: 'NoSuchMessage' }, /unknown type "NoSuchMessage"/],
    [{ type: 'RequestMasterState', after: '../../etc' }, /after: must be `next` of a page/],
  ]
  for (const [message, rule] of cases) {
    const answer = await client.ask(message)
    assert.deepEqual([answer.type, answer.code], ['Failure', 'FIRESTEEL_REQUEST_INVALID'])
    assert.match(String(answer.message), rule)
  }
  const notAllowed = await client.ask({ type: 'Heartbeat', workerId: 'w', sentAtMs: 1 })
  assert.match(String(notAllowed.message), /Heartbeat is not for a client/)
  assert.deepEqual(handled, [])
})

test('a field that no schema names does not reach the actor, except in a description that is stored', async (t) => {
  const received: Message[] = []
  const { peer } = await listener(t, (message) => {
    received.push(message)
    return { type: 'SubmitDriverResponse' }
  })
  const client = await peer('client')
  const description = { ...driverDescription, ofTheFuture: 7 }
  await client.ask({ ...submission, description, endedAtMs: 'soon' })
  assert.deepEqual(received, [{ ...submission, description }])
})

test('what is said to /system is checked and admitted as all else is', async (t) => {
  const { peer, reasons } = await listener(t, () => undefined)
  const client = await peer('client')
  const toSystem = { to: '/system' }
  const watch = { type: 'Watch', path: '/user/Master' }
  assert.match(String((await client.ask(watch, toSystem)).message), /Watch is not for a client/)
  const node = await peer('node')
  const bad = [
    { type: 'Shutdown' },
    { type: 'Watch' },
    { type: 'Watch', path: 'x'.repeat(20_000) },
    { type: 'Watch', path: '/user/Master', more: 1 },
    { type: 'Terminated', path: '/user/Master' },
  ]
  for (const message of bad)
    assert.equal(
      (await node.ask(message, toSystem)).code,
      'FIRESTEEL_REQUEST_INVALID',
      JSON.stringify(message),
    )
  // An answer is a message of the catalogue, or it is nothing.
  client.send({ type: 'TraceChunk', entries: 'none' }, { ...toSystem, answer: '1' })
  client.send({ type: 'Anything', big: 'x' }, { ...toSystem, answer: '2' })
  await client.ask({ type: 'NoSuchMessage' })
  assert.equal(reasons.filter((reason) => /TraceChunk|Anything/.test(reason)).length, 2)
  // One that is right has its effect: the watcher of nobody is told so, which is no rejection.
  const before = reasons.length
  node.send({ type: 'Watch', path: '/user/nobody' }, toSystem)
  await node.ask({ type: 'NoSuchMessage' })
  assert.equal(reasons.length, before + 1)
})

test('questions of one link that are never answered fill no memory: over the bound they are refused', async (t) => {
  const { system, peer, handled } = await listener(t, () => undefined)
  const client = await peer('client')
  const padding = 'x'.repeat(1000)
  for (let n = 0; n < limits.openQuestions + 100; n++) {
    // No end to its wait, as JSON can say it.
    client.send({ type: 'RequestKillDriver', driverId: `d${n}` }, { ask: `${n}`, askMs: 1e300, padding })
    if (n % 100 === 0) await waitUntil('room', () => handled.length + client.answers.size >= n - 100)
  }
  await waitUntil('refusals', () => client.answers.size >= 100)
  await client.ask({ type: 'NoSuchMessage' })
  assert.equal(client.answers.size, 101)
  for (const [ask, { code }] of client.answers)
    assert.equal(code, Number(ask) >= limits.openQuestions ? 'BUSY' : 'FIRESTEEL_REQUEST_INVALID')
  assert.equal(system.questions().unanswered, limits.openQuestions)
  assert.equal(handled.length, limits.openQuestions)
})

test('what is never answered may not be asked: it is refused at once, and nothing is kept', async (t) => {
  const { system, peer, handled } = await listener(t, () => undefined)
  const client = await peer('client')
  const worked = { type: 'ExecutorWorked', appId: 'app-1', execId: 1 }
  client.send(worked)
  const answer = await client.ask(worked)
  assert.equal(answer.code, 'FIRESTEEL_REQUEST_INVALID')
  assert.equal(answer.message, 'ExecutorWorked is no question')
  const node = await peer('node')
  const watch = { type: 'Watch', path: '/user/Master' }
  assert.equal((await node.ask(watch, { to: '/system' })).message, 'Watch is no question')
  assert.deepEqual(handled, ['ExecutorWorked'], 'the one that was told')
  assert.equal(system.questions().unanswered, 0)
})

test('an answer that cannot be written is a coded Failure: who asked hears it, and the actor lives on', async (t) => {
  const huge = { type: 'SubmitDriverResponse', text: 'x'.repeat(limits.nodeMessageBytes) }
  const circle: Record<string, unknown> = { type: 'SubmitDriverResponse' }
  circle.self = circle
  const answers = [huge, circle as unknown as Message, { type: 'SubmitDriverResponse' }]
  const { peer, handled } = await listener(t, () => answers.shift())
  const client = await peer('client')
  for (const why of [/over|larger/, /circular/]) {
    const answer = await client.ask({ type: 'RequestKillDriver', driverId: 'd' })
    assert.equal(answer.code, 'FIRESTEEL_MESSAGE_TOO_LARGE')
    assert.match(String(answer.message), why)
  }
  assert.equal((await client.ask({ type: 'RequestKillDriver', driverId: 'd' })).type, 'SubmitDriverResponse')
  assert.equal(handled.length, 3)
})
