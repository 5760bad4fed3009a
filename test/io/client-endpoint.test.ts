import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { App } from '../../actors/client/app.js'
import { ClientEndpoint } from '../../actors/client/client-endpoint.js'
import { connect } from '../../actors/client/connect.js'
import type { ConnectOptions } from '../../actors/client/connect-options.js'
import type { ClientMessage, MasterMessage } from '../../actors/messages/catalogue.js'
import type { TaskPool } from '../../actors/tasks/task-pool-types.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { type Log, type LogFields, silentLog } from '../../runtime/observe/log.js'
import { dial } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { waitUntil } from '../harness/wait-until.js'
import { CLUSTER, FakeMaster, type FakeOptions, SECRET } from '../tools/client-fake-master.js'

const APP = 'app-20260101000000-1-0001'

/** What a Master answers to an application that fares well. */
function answers(message: MasterMessage): ClientMessage | undefined {
  switch (message.type) {
    case 'RegisterApplication':
      return { type: 'RegisteredApplication', appId: APP, registration: message.registration }
    case 'UnregisterApplication':
      return { type: 'UnregisteredApplication', appId: message.appId }
    case 'RequestExecutors':
    case 'KillExecutors':
      return { type: 'ExecutorsAnswer', done: true }
    default:
      return undefined
  }
}

const eventNames = [
  ...(['executorAdded', 'executorReady', 'executorFailed', 'executorLost', 'masterChanged'] as const),
  ...(['masterLost', 'removed', 'closed'] as const),
]

const endings = new WeakMap<TestContext, (() => Promise<void>)[]>()

/** Last come, first ended: an application closes while its Master still answers. */
function finallyDo(t: TestContext, end: () => Promise<void>): void {
  const mine = endings.get(t)
  if (mine) {
    mine.push(end)
    return
  }
  const all = [end]
  endings.set(t, all)
  t.after(async () => {
    for (const one of all.reverse()) await one()
  })
}

async function fake(t: TestContext, options: Partial<FakeOptions> = {}): Promise<FakeMaster> {
  const master = await FakeMaster.start({ epoch: 1, on: answers, ...options })
  finallyDo(t, () => master.stop())
  return master
}

async function open(t: TestContext, address: string, options: ConnectOptions = {}): Promise<App> {
  const app = await connect(address, { name: 'test', secret: SECRET, log: silentLog, ...options })
  finallyDo(t, () => app.close())
  return app
}

const types = (master: FakeMaster): string[] => master.received.map(({ type }) => type)
const added = (execId: number): ClientMessage => ({
  type: 'ExecutorAdded',
  appId: APP,
  execId,
  workerId: 'w1',
  host: 'h',
  cores: 1,
  memoryMib: 512,
})

test('registers, hears of executors once, unregisters', async (t) => {
  const master = await fake(t)
  const app = await open(t, master.address, { cores: 3, executor: { memory: '1g' } })
  assert.equal(app.id, APP)
  const [register] = master.received
  assert.ok(register?.type === 'RegisterApplication')
  assert.equal(register.description.maxCores, 3)
  assert.equal(register.description.executor.memoryMib, 1024)
  assert.equal(register.listen.host, '127.0.0.1')

  const seen: number[] = []
  app.on('executorAdded', ({ id }) => seen.push(id))
  for (const peer of master.peers) for (const execId of [0, 0, 1]) master.tell(peer, added(execId))
  await waitUntil('both executors', () => seen.length === 2)
  assert.deepEqual(seen, [0, 1])
  assert.deepEqual(
    app.executors.map(({ id }) => id),
    [0, 1],
  )
  assert.equal(await app.requestExecutors(2), true)
  await app.close()
  assert.equal(types(master).at(-1), 'UnregisterApplication')
  await app.close()
  await assert.rejects(app.requestExecutors(1), { code: 'FIRESTEEL_APPLICATION_CLOSED' })
})

for (const output of [false, () => {}]) {
  test(`what happens before the program has its application is told it afterwards (${typeof output})`, async (t) => {
    const failed = {
      ...{ workerId: 'w1', host: 'h', failures: 1, retryAtMs: 0, excluded: false },
      failure: { kind: 'exit', exitStatus: 1, output: `${APP}/0`, message: 'it exits' },
    } as const
    const master = await fake(t, {
      on: (message, from, self) => {
        if (message.type !== 'RegisterApplication') return answers(message)
        self.tell(from, { type: 'RegisteredApplication', appId: APP, registration: message.registration })
        self.tell(from, added(0))
        self.tell(from, { type: 'ExecutorUpdated', appId: APP, execId: 0, state: 'FAILED', failed })
        self.tell(from, { type: 'ApplicationRemoved', appId: APP, state: 'KILLED', message: 'it was killed' })
        return undefined
      },
    })
    const app = await open(t, master.address, { output })
    const told: string[] = []
    for (const name of eventNames) app.on(name, () => told.push(name))
    await waitUntil('its end', () => told.includes('closed'))
    assert.deepEqual(told, ['executorAdded', 'executorLost', 'executorFailed', 'removed', 'closed'])
  })
}

test('follows the leadership without the caller noticing', async (t) => {
  const next = await fake(t, { epoch: 0 })
  const first = await fake(t, { masters: [next.address] })
  const app = await open(t, first.address)
  const told: string[] = []
  for (const event of ['executorLost', 'removed', 'closed'] as const) app.on(event, () => told.push(event))
  for (const peer of first.peers) first.tell(peer, added(0))
  await waitUntil('the executor', () => app.executors.length === 1)
  await waitUntil('a link to the one it was taught', () => next.peers.size === 1)
  await first.stop()
  next.lead(2)
  const wanted = app.requestExecutors(4)
  const acknowledged = await waitUntil('the answer to MasterChanged', () =>
    next.received.find(({ type }) => type === 'MasterChangeAcknowledged'),
  )
  assert.ok(acknowledged.type === 'MasterChangeAcknowledged')
  assert.equal(acknowledged.appId, APP)
  assert.deepEqual(acknowledged.executors, [{ execId: 0, workerId: 'w1' }])
  assert.deepEqual(acknowledged.registeredAt, { epoch: 1, seq: 1, owner: first.incarnation })
  assert.equal(await wanted, true)
  assert.equal(app.executors.length, 1)
  assert.deepEqual(told, [])
  await app.close()
  assert.equal(types(next).at(-1), 'UnregisterApplication')
})

test('two names of one Master do not push each other out', async (t) => {
  const master = await fake(t)
  const app = await open(t, `firesteel://localhost:${master.port}`)
  let lost = 0
  app.on('masterLost', () => lost++)
  for (const peer of master.peers) for (const execId of [0, 1, 2]) master.tell(peer, added(execId))
  await waitUntil('executors', () => app.executors.length === 3)
  const before = types(master).length
  assert.equal(await app.requestExecutors(1), true)
  // A fight over the link would bring a report with each new one.
  assert.ok(types(master).length <= before + 2)
  assert.ok(lost <= 1)
})

test('the end that a Master gives is told, once, and ends what runs', async (t) => {
  const master = await fake(t)
  const app = await open(t, master.address)
  const ends: string[] = []
  app.on('removed', ({ code }) => ends.push(code))
  app.on('closed', ({ error }) => ends.push(`closed ${error?.code}`))
  const { count } = app.tasks<{ count: (n: number) => number }>('file:///nowhere.js')
  const task = assert.rejects(count(1), { code: 'FIRESTEEL_APPLICATION_KILLED' })
  for (const peer of master.peers) {
    master.tell(peer, {
      type: 'ApplicationRemoved',
      appId: APP,
      state: 'KILLED',
      message: 'killed on request',
    })
  }
  await task
  await waitUntil('the end', () => ends.length === 2)
  assert.deepEqual(ends, ['FIRESTEEL_APPLICATION_KILLED', 'closed FIRESTEEL_APPLICATION_KILLED'])
  await app.close()
})

test('an AbortSignal closes it; one that aborts during connect() undoes the registration', async (t) => {
  const master = await fake(t)
  const controller = new AbortController()
  const app = await open(t, master.address, { signal: controller.signal })
  const closed = new Promise((resolve) => app.on('closed', resolve))
  controller.abort()
  await closed
  assert.equal(types(master).at(-1), 'UnregisterApplication')

  const during = new AbortController()
  let answer: (() => void) | undefined
  const slow = await fake(t, {
    on: (message, from, self) => {
      if (message.type !== 'RegisterApplication') return answers(message)
      answer ??= () => self.tell(from, answers(message)!)
      return undefined
    },
  })
  const connecting = connect(slow.address, { secret: SECRET, signal: during.signal, log: silentLog })
  await waitUntil('the registration', () => answer !== undefined)
  during.abort(new Error('changed my mind'))
  // The end of a registration under way: it is answered, then undone.
  answer?.()
  await assert.rejects(connecting, /changed my mind/)
  assert.equal(types(slow).at(-1), 'UnregisterApplication')
})

test('a final refusal of the registration rejects connect() with its code', async (t) => {
  const message = 'generation 1 of driver-1 is not the accepted one (2)'
  const master = await fake(t, { on: () => ({ type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message }) })
  await assert.rejects(connect(master.address, { secret: SECRET, log: silentLog }), {
    code: 'FIRESTEEL_NOT_ALLOWED',
    message,
  })
})

test('the executor listener of the driver admits executors of this application only (S6)', async (t) => {
  const master = await fake(t)
  const app = await open(t, master.address)
  const [register] = master.received
  assert.ok(register?.type === 'RegisterApplication')
  const { port } = register.listen
  const clientKey = deriveKey(SECRET, 'client')
  const probeMaster = (incarnation: string, subject: string, key: Buffer) =>
    dial({
      host: '127.0.0.1',
      port,
      identity: { cluster: CLUSTER, incarnation },
      role: 'application',
      subject,
      tls: undefined,
      key,
    })
  const mine = await probeMaster('executor-1', app.id, deriveKey(clientKey, 'application', app.id))
  t.after(() => mine.close())
  await assert.rejects(probeMaster('executor-2', app.id, Buffer.alloc(32, 1)), {
    code: 'FIRESTEEL_SECRET_WRONG',
  })
  const other = await probeMaster('executor-3', 'app-other', deriveKey(clientKey, 'application', 'app-other'))
  const cut = new Promise((resolve) => other.whenEnded(resolve))
  other.setReceiver({ envelope: () => {}, payload: () => {}, closed: () => {}, drain: () => {} })
  await cut
  assert.equal(mine.isOpen, true)
})

test('a listener that throws harms nobody', async (t) => {
  const master = await fake(t)
  const app = await open(t, master.address)
  const seen: number[] = []
  app.on('executorAdded', () => {
    throw new Error('of the user')
  })
  const listener = ({ id }: { id: number }): void => void seen.push(id)
  app.on('executorAdded', listener)
  for (const peer of master.peers) master.tell(peer, added(0))
  await waitUntil('the other listener', () => seen.length === 1)
  app.off('executorAdded', listener)
  for (const peer of master.peers) master.tell(peer, added(1))
  await waitUntil('the second executor', () => app.executors.length === 2)
  assert.deepEqual(seen, [0])
})

type Line = readonly [level: string, text: string, fields: LogFields | undefined]

/** A log that keeps what it is told. */
function keptLog(): { readonly log: Log; readonly lines: Line[] } {
  const lines: Line[] = []
  const at =
    (level: string) =>
    (text: string, fields?: LogFields): void =>
      void lines.push([level, text, fields])
  const log: Log = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    isEnabled: () => true,
    child: () => log,
  }
  return { log, lines }
}

test('a defect of its task pool ends the application with INTERNAL, logged; the process lives on', async (t) => {
  const master = await fake(t)
  const { log, lines } = keptLog()
  let pool!: TaskPool
  const { get } = Object.getOwnPropertyDescriptor(ClientEndpoint.prototype, 'pool')!
  t.mock.getter(ClientEndpoint.prototype, 'pool', function (this: ClientEndpoint) {
    pool = get!.call(this)
    return pool
  })
  const app = await open(t, master.address, { log })
  const removed = new Promise<Error>((resolve) => app.on('removed', resolve))
  const closed = new Promise<unknown>((resolve) => app.on('closed', resolve))
  const { square } = app.tasks<{ square(n: number): number }>('file:///t.js')
  const waiting = square(3)
  const fn = { url: 'file:///t.js', name: 'f' }
  const onEnd = (): void => {
    throw new Error('planted')
  }
  const taskId = pool.submit({ fn, input: new Uint8Array(), retries: 0, timeoutMs: 0, group: 0, onEnd })
  pool.cancel([taskId], 'test')
  await assert.rejects(waiting, { code: 'FIRESTEEL_APPLICATION_CLOSED', message: /planted/ })
  assert.ok(isFiresteelError(await removed, 'INTERNAL'))
  await closed
  await assert.rejects(square(4), { code: 'FIRESTEEL_APPLICATION_CLOSED' })
  await assert.rejects(app.requestExecutors(1), { code: 'FIRESTEEL_APPLICATION_CLOSED' })
  await app.close()
  assert.equal(
    lines.filter(([level, text]) => level === 'error' && text === 'the task pool failed').length,
    1,
  )
})

test('a log that throws harms nobody, and is told of once', async (t) => {
  const master = await fake(t)
  const told: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => told.push(text) > 0)
  const broken = (): never => {
    throw new Error('of the log')
  }
  const log: Log = {
    error: broken,
    warn: broken,
    info: broken,
    debug: broken,
    isEnabled: broken,
    child: broken,
  }
  const app = await open(t, master.address, { log })
  for (const peer of master.peers) master.tell(peer, added(0))
  await waitUntil('the executor', () => app.executors.length === 1)
  for (const peer of master.peers)
    master.tell(peer, { type: 'ExecutorAdded', appId: APP } as unknown as ClientMessage)
  for (const peer of master.peers) master.tell(peer, added(1))
  await waitUntil('the second one', () => app.executors.length === 2)
  await app.close()
  assert.equal(
    told.filter((text) => /the log given to connect\(\) threw[\s\S]*of the log/.test(text)).length,
    1,
  )
})

test('what is dropped on its way is logged with names, once and then as a count', async (t) => {
  const master = await fake(t)
  const { log, lines } = keptLog()
  const app = await open(t, master.address, { log })
  const bad = { type: 'ExecutorAdded', appId: APP } as unknown as ClientMessage
  for (let n = 0; n < 20; n++) for (const peer of master.peers) master.tell(peer, bad)
  // More than its own mailbox takes: what has no room is refused, and waits for nothing.
  const asked = Array.from({ length: limits.mailboxMessages + 20 }, () => app.requestExecutors(1))
  const answers = await Promise.allSettled(asked)
  const busy = answers.filter(({ status }) => status === 'rejected')
  assert.ok(busy.length >= 20 && busy.length < 100, `${busy.length} were refused`)
  await waitUntil('the drops', () => lines.some(([, text]) => text === 'a message was dropped'))
  const dropped = lines.filter(([, text]) => text === 'a message was dropped')
  assert.equal(dropped.length, 1, 'the others are a count')
  assert.deepEqual(dropped[0]?.[2]?.from, master.incarnation)
  const full = lines.filter(([, text]) => text === 'a mailbox is full: a message was dropped')
  assert.equal(full.length, 1)
  assert.match(String(full[0]?.[2]?.to), /ClientEndpoint$/)
  await app.close()
  assert.ok(lines.some(([level, , fields]) => level === 'warn' && Number(fields?.repeated) >= 19))
})
