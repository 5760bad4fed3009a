import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { acknowledgementPages } from '../../actors/client/acknowledgement.js'
import { ClientCore } from '../../actors/client/client-core.js'
import { type ClientMessage, type MasterMessage, violation } from '../../actors/messages/catalogue.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { FRAME_HEADER_BYTES } from '../../runtime/transport/frame.js'
import { messageBytesOf } from '../../runtime/transport/message-bounds.js'
import { readEnvelopes } from '../fixtures/read-envelopes.js'
import { answerOf } from '../tools/application-answer.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/*
 * What an application holds reaches a new leader, however much it is: in messages that the link of a client
 * carries.
 */

test('property: the messages of an answer, put together, are the answer; the first describes the application', () => {
  fc.assert(
    fc.property(fc.nat(30), fc.integer({ min: 1, max: 8 }), (held, items) => {
      const answer = answerOf(
        'app-1',
        Array.from({ length: held }, (_, at) => at),
      )
      const pages = [...acknowledgementPages(answer, items)]
      assert.deepEqual(
        pages.flatMap(({ executors }) => executors),
        answer.executors,
      )
      for (const [at, page] of pages.entries()) {
        assert.ok(page.executors.length <= items)
        assert.equal(page.description !== undefined, at === 0)
        assert.equal(page.more === true, at < pages.length - 1)
      }
    }),
  )
})

const HELD = 20_000
const WORKERS = 20
const MASTER = 'firesteel://10.0.0.1:7070'

/** An application with so many executors, on Workers with the longest names, and as large as it may be. */
function largeClient(appId: string): ClientCore {
  const env = Object.fromEntries(Array.from({ length: 2 }, (_, at) => [`TEXT_${at}`, 'x'.repeat(120_000)]))
  const core = new ClientCore({
    masters: [MASTER],
    registration: 'reg-app',
    description: { ...applicationDescription, env },
    listen: { port: 4000 },
    masterTimeoutMs: 30_000,
    idleTimeoutMs: Number.POSITIVE_INFINITY,
  })
  core.step({ kind: 'start' })
  const position = { epoch: 1, seq: 1 }
  const hear = (message: ClientMessage) => core.step({ kind: 'message', from: 'm1', position, message })
  core.step({ kind: 'linkUp', peer: 'm1', address: MASTER })
  hear({ type: 'MasterChanged', master: MASTER, web: null, masters: [MASTER] })
  hear({ type: 'RegisteredApplication', appId, registration: 'reg-app' })
  for (let execId = 0; execId < HELD; execId++) {
    const workerId = workerOf(execId)
    hear({ type: 'ExecutorAdded', appId, execId, workerId, host: 'h', cores: 1, memoryMib: 1 })
  }
  return core
}

const workerOf = (execId: number): string => `w${execId % WORKERS}`.padEnd(limits.nameChars, '-')

/** Through the frames of a client's link and the catalogue. */
function overLink(messages: readonly object[]): MasterMessage[] {
  const batch = new EnvelopeBatch(messageBytesOf('client'))
  for (const message of messages) batch.add({ to: '/user/Master', message })
  return batch.take().flatMap((frame) => {
    const { envelopes, broken } = readEnvelopes(frame.subarray(FRAME_HEADER_BYTES))
    assert.equal(broken, undefined)
    return envelopes.map((envelope) => {
      const { message } = envelope as { message: MasterMessage }
      assert.equal(violation('master', message), undefined)
      return message
    })
  })
}

test('an application with 20,000 executors answers a new leader, which launches and kills nothing', () => {
  const appId = 'app-20260101000000-1-1'
  const client = largeClient(appId)
  const position = { epoch: 2, seq: 1 }
  client.step({ kind: 'linkUp', peer: 'm2', address: MASTER })
  const effects = client.step({
    kind: 'message',
    from: 'm2',
    position,
    message: { type: 'MasterChanged', master: MASTER, web: null, masters: [MASTER] },
  })
  const told = effects.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))
  const pages = overLink(told)
  assert.equal(pages.length, HELD / limits.reportItems)
  const cores = HELD / WORKERS
  // The store forgot it all: the application and its Workers bring it back.
  const registeredAt = { epoch: 9, seq: 9, owner: 'm0' }
  const forgotten = new MasterWorld()
  for (let epoch = 0; epoch < 10; epoch++) forgotten.failover().elect(noRecords)
  const launchedAt = registeredAt
  for (let at = 0; at < WORKERS; at++) {
    const id = workerOf(at)
    forgotten.link(id)
    forgotten.registerWorker(id, { port: at + 1, cores: cores + 1, memoryMib: 2 * cores })
    const held = Array.from({ length: cores }, (_, number) => number * WORKERS + at)
    const executors = held.map((execId) => ({
      appId,
      execId,
      cores: 1,
      memoryMib: 1,
      resources: {},
      state: 'RUNNING' as const,
      launchedAt,
    }))
    forgotten.report(id, { executors })
  }
  forgotten.link('app', 'client')
  forgotten.forgetTold()
  for (const [at, page] of pages.entries()) {
    forgotten.tell('app', { ...page, registeredAt } as MasterMessage)
    const app = forgotten.core.cluster!.apps.get(appId)
    assert.equal(app?.answered, at === pages.length - 1, 'it may be given more only when it has said all')
  }
  const app = forgotten.core.cluster!.apps.get(appId)!
  assert.equal(app.executors.size, HELD + WORKERS, 'each Worker had room for one more')
  assert.equal(forgotten.told.filter(({ message }) => message.type === 'LaunchExecutor').length, WORKERS)
  assert.deepEqual(
    forgotten.told.filter(
      ({ message }) => message.type === 'KillExecutor' || message.type === 'ExecutorUpdated',
    ),
    [],
  )
})

/** One Worker with four executors of one application, and its Master dead. */
function afterFailover() {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app')
  const executors = world.toldTo('w1', 'LaunchExecutor').map(({ execId, cores, memoryMib, resources }) => ({
    appId,
    execId,
    cores,
    memoryMib,
    resources,
    state: 'RUNNING' as const,
    launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
  }))
  world.failover().elect()
  world.link('app', 'client')
  return { world, appId, executors }
}

test('only the whole answer says what an application does not hold: until then nothing is announced or launched', () => {
  const { world, appId, executors } = afterFailover()
  world.link('w1')
  world.report('w1', { executors: executors.slice(0, 3) })
  const [first, second] = [...acknowledgementPages(answerOf(appId, [0, 1]), 1)]
  world.tell('app', first!)
  world.advance(300)
  assert.deepEqual(world.toldTo('app', 'ExecutorAdded'), [])
  assert.deepEqual(world.toldTo('w1', 'LaunchExecutor'), [])
  world.tell('app', second!)
  assert.deepEqual(
    world
      .toldTo('app', 'ExecutorAdded')
      .map(({ execId }) => execId)
      .slice(0, 1),
    [2],
  )
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 1)
})

test('an answer that a broken link cut short begins anew on the next link', () => {
  const { world, appId, executors } = afterFailover()
  world.link('w1')
  world.report('w1', { executors })
  const [first] = [...acknowledgementPages(answerOf(appId, [0, 1, 2, 3]), 2)]
  world.tell('app', first!)
  world.unlink('app')
  world.link('app', 'client')
  for (const page of acknowledgementPages(answerOf(appId, [2, 3]), 1)) world.tell('app', page)
  // What the first answer named and this one does not is unknown to it.
  assert.deepEqual(
    world.toldTo('app', 'ExecutorAdded').map(({ execId }) => execId),
    [0, 1],
  )
  assert.deepEqual(world.toldTo('app', 'ExecutorUpdated'), [])
  assert.deepEqual(world.toldTo('w1', 'LaunchExecutor'), [])
})
