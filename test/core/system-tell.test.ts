import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { test } from 'node:test'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { Ref } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { deferred, fixture, type Note, note } from '../tools/system-fixture.js'

test('messages arrive in order, stamped with sender, receiver, epoch and trace', async () => {
  const { system, ring, idle, time } = fixture()
  const envelopes: Envelope[] = []
  const last = system.spawn<Note>('last', () => ({
    receive: (_message, envelope) => void envelopes.push(envelope),
  }))
  const first = system.spawn<Note>('first', (context) => ({
    receive({ text }) {
      context.tell(last, note(`${text}1`))
      context.tell(last, note(`${text}2`))
    },
  }))
  system.tell(first, note('a'))
  await idle()
  assert.deepEqual(
    envelopes.map(({ message }) => (message as Note).text),
    ['a1', 'a2'],
  )
  const name = 'firesteel://test@one:7070'
  const base = { message: 'Note', epoch: 7, trace: 100, at: time.wallMs() }
  assert.deepEqual(ring.snapshot(), [
    { ...base, id: 100, from: `${name}/system`, to: `${name}/user/first`, tookUs: 0 },
    { ...base, id: 101, parent: 100, from: `${name}/user/first`, to: `${name}/user/last`, tookUs: 0 },
    { ...base, id: 102, parent: 100, from: `${name}/user/first`, to: `${name}/user/last`, tookUs: 0 },
  ])
  assert.equal(system.counters.messages, 3)
})

test('an async handler is strictly serial and keeps its trace after an await', async () => {
  const { system, ring, idle } = fixture()
  const log: string[] = []
  const gate = deferred()
  const other = system.spawn<Note>('other', () => ({ receive: () => {} }))
  const ref = system.spawn<Note>('slow', (context) => ({
    async receive({ text }) {
      log.push(`${text} begins`)
      if (text === 'a') await gate.promise
      else await Promise.resolve()
      context.tell(other, note(`after ${text}`))
      log.push(`${text} ends`)
    },
  }))
  for (const text of ['a', 'b', 'c']) system.tell(ref, note(text))
  await idle()
  assert.deepEqual(log, ['a begins'])
  assert.equal(system.actors().find(({ path }) => path === ref.path)?.mailbox, 2)
  gate.resolve()
  await idle()
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  const parents = ring.snapshot(({ to }) => to === other.path).map(({ parent }) => parent)
  assert.deepEqual(parents, [100, 101, 102])
})

test('a batch is bounded: others get their turn, and turnEnd follows each batch', async () => {
  const { system, idle } = fixture({ batchMessages: 2 })
  const log: string[] = []
  const spawn = (name: string) =>
    system.spawn<Note>(name, () => ({
      receive: ({ text }) => void log.push(name + text),
      turnEnd: () => void log.push('|'),
    }))
  const a = spawn('a')
  const b = spawn('b')
  for (const text of ['1', '2', '3']) system.tell(a, note(text))
  for (const text of ['1', '2', '3']) system.tell(b, note(text))
  await idle()
  assert.deepEqual(log, ['a1', 'a2', '|', 'b1', 'b2', '|', 'a3', '|', 'b3', '|'])
})

test('turnEnd also precedes the wait for a handler, which may wait for what is flushed', async () => {
  const { system, idle } = fixture()
  const flushed = deferred()
  const log: string[] = []
  const ref = system.spawn<Note>('lane', () => ({
    async receive({ text }) {
      log.push(text)
      if (text === 'b') await flushed.promise
    },
    turnEnd: () => flushed.resolve(),
  }))
  for (const text of ['a', 'b', 'c']) system.tell(ref, note(text))
  await idle()
  assert.deepEqual(log, ['a', 'b', 'c'])
})

test('what is told to a stopped actor is a dead letter, though its name is taken again', async () => {
  const { system, deadLetters, idle } = fixture()
  const seen: string[] = []
  const behavior = (name: string) => () => ({ receive: ({ text }: Note) => void seen.push(name + text) })
  const old = system.spawn<Note>('same', behavior('old '))
  await system.stop(old)
  const young = system.spawn<Note>('same', behavior('young '))
  assert.equal(old.path, young.path)
  assert.equal(system.tell(old, note('a')), false)
  assert.equal(system.tell(young, note('b')), true)
  await idle()
  assert.deepEqual(seen, ['young b'])
  assert.deepEqual(
    deadLetters.map(({ reason, envelope }) => [reason, (envelope.message as Note).text]),
    [['stopped', 'a']],
  )
  assert.equal(system.counters.deadLetters, 1)
})

test('a name is any text, encoded; a taken or empty one is refused', async () => {
  const { system, idle } = fixture()
  const seen: string[] = []
  const names = ['worker-10.0.0.1:7070', 'a/b', 'x@y z', 'жук', '..', "it's", '\ud800', '#1', 'actor-1']
  const refs = names.map((name) =>
    system.spawn<Note>(name, () => ({ receive: ({ text }) => void seen.push(text) })),
  )
  for (const [index, ref] of refs.entries()) system.tell(ref, note(names[index] as string))
  await idle()
  assert.deepEqual(seen, names)
  assert.equal(new Set(refs.map(({ path }) => path)).size, names.length)
  assert.equal(refs[0]?.path, 'firesteel://test@one:7070/user/worker-10.0.0.1%3A7070')
  assert.equal(refs[1]?.path, 'firesteel://test@one:7070/user/a%2Fb')
  assert.throws(() => system.spawn<Note>('a/b', () => ({ receive: () => {} })), {
    code: 'FIRESTEEL_INTERNAL',
  })
  assert.throws(() => system.spawn<Note>('', () => ({ receive: () => {} })), { code: 'FIRESTEEL_INTERNAL' })
})

test('the async context of a sender reaches no handler', async () => {
  const { system, idle } = fixture()
  const storage = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const ref = system.spawn<Note>('plain', () => ({ receive: () => void seen.push(storage.getStore()) }))
  storage.run('first', () => system.tell(ref, note('a')))
  storage.run('second', () => system.tell(ref, note('b')))
  await idle()
  storage.run('third', () => system.tell(ref, note('c')))
  await idle()
  assert.deepEqual(seen, [undefined, undefined, undefined])
})

test('paths follow the name of the system, which is known late', async () => {
  const { system, idle, ring } = fixture()
  const ref = system.spawn<Note>('early', () => ({ receive: () => {} }))
  system.name = 'firesteel://test@one:4711'
  system.tell(ref, note('a'))
  await idle()
  assert.equal(ref.path, 'firesteel://test@one:4711/user/early')
  assert.deepEqual(
    ring.snapshot().map(({ from, to }) => [from, to]),
    [['firesteel://test@one:4711/system', ref.path]],
  )
  assert.equal(JSON.stringify({ ref }), JSON.stringify({ ref: ref.path }))
  assert.equal(system.find(ref.path)?.path, ref.path)
  assert.equal(system.find('/user/nobody'), undefined)
})

test('two systems in one process keep apart', async () => {
  const [one, two] = [fixture(), fixture()]
  const seen: string[] = []
  const spawn = (in_: typeof one, name: string): Ref<Note> =>
    in_.system.spawn<Note>('same', () => ({ receive: ({ text }) => void seen.push(name + text) }))
  const refs = [spawn(one, 'one '), spawn(two, 'two ')]
  one.system.tell(refs[0] as Ref<Note>, note('a'))
  two.system.tell(refs[1] as Ref<Note>, note('b'))
  await one.idle()
  await two.idle()
  await one.system.shutdown()
  two.system.tell(refs[1] as Ref<Note>, note('c'))
  await two.idle()
  assert.deepEqual(seen, ['one a', 'two b', 'two c'])
})

test('the ring keeps the newest, in order', () => {
  const ring = new TraceRing(3)
  const envelope = (id: number): Envelope => ({
    from: '/a',
    to: '/b',
    message: note(''),
    id,
    trace: id,
    epoch: 1,
  })
  for (let id = 1; id <= 2; id++) ring.record(envelope(id), id)
  assert.deepEqual(
    ring.snapshot().map(({ id }) => id),
    [1, 2],
  )
  for (let id = 3; id <= 8; id++) ring.record(envelope(id), id)
  assert.deepEqual(
    ring.snapshot().map(({ id, at }) => [id, at]),
    [
      [6, 6],
      [7, 7],
      [8, 8],
    ],
  )
  assert.deepEqual(
    ring.snapshot(({ id }) => id === 7).map(({ id }) => id),
    [7],
  )
})

test('a hook of the host that throws harms no sender', async () => {
  const uncaught = deferred<unknown>()
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', uncaught.resolve)
  try {
    const { time: clock } = fixture()
    const system = createSystem({
      name: 'firesteel://test@one:1',
      clock,
      timers: clock,
      epoch: () => 1,
      onDeadLetter: () => {
        throw new Error('defect of the host')
      },
    })
    const ref = system.spawn<Note>('gone', () => ({ receive: () => {} }))
    await system.stop(ref)
    assert.equal(system.tell(ref, note('a')), false)
    assert.match(String(await uncaught.promise), /defect of the host/)
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})
