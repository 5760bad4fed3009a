import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import { deferred, type Fixture, fixture, type Note, note } from '../tools/system-fixture.js'

/** top -> (a -> leaf, b) */
function family({ system }: Fixture, log: string[]): Map<string, Ref<Note>> {
  const refs = new Map<string, Ref<Note>>()
  const behavior =
    (name: string, children: (context: ActorContext<Note>) => void = () => {}) =>
    (context: ActorContext<Note>) => {
      refs.set(name, context.self)
      children(context)
      return {
        receive: ({ text }: Note) => void log.push(`${name} ${text}`),
        stopped: () => void log.push(`${name} stopped`),
      }
    }
  system.spawn(
    'top',
    behavior('top', (top) => {
      top.spawn(
        'a',
        behavior('a', (a) => {
          a.spawn('leaf', behavior('leaf'))
        }),
      )
      top.spawn('b', behavior('b'))
    }),
  )
  return refs
}

/** Siblings end in any order. */
function assertLeavesFirst(log: string[]): void {
  const chain = log.filter((line) => line !== 'b stopped')
  assert.deepEqual(chain, ['leaf stopped', 'a stopped', 'top stopped'])
  assert.equal(log.length, 4)
  assert.ok(log.indexOf('b stopped') < 3)
}

test('a stop takes the children first, whatever they had unread', async () => {
  const world = fixture()
  const log: string[] = []
  const refs = family(world, log)
  for (const ref of refs.values()) world.system.tell(ref, note('unread'))
  await world.system.stop(refs.get('top') as Ref<Note>)
  await world.idle()
  assertLeavesFirst(log)
  assert.deepEqual(world.system.actors(), [])
  assert.equal(world.deadLetters.length, 4)
  assert.ok(world.deadLetters.every(({ reason }) => reason === 'stopped'))
})

test('a stop of one leaves its parent and siblings alone', async () => {
  const world = fixture()
  const log: string[] = []
  const refs = family(world, log)
  await world.system.stop(refs.get('a') as Ref<Note>)
  for (const ref of refs.values()) world.system.tell(ref, note('hello'))
  await world.idle()
  assert.deepEqual(log, ['leaf stopped', 'a stopped', 'top hello', 'b hello'])
})

test('an actor that stops itself handles the message in hand to its end, then none', async () => {
  const { system, idle, deadLetters } = fixture()
  const log: string[] = []
  const ref = system.spawn<Note>('a', (context) => ({
    receive({ text }) {
      if (text === 'b') context.stop()
      log.push(text)
    },
    turnEnd: () => void log.push('flush'),
    stopped: () => void log.push('stopped'),
  }))
  for (const text of ['a', 'b', 'c']) system.tell(ref, note(text))
  await idle()
  assert.deepEqual(log, ['a', 'b', 'flush', 'stopped'])
  assert.equal(deadLetters.length, 1)
})

test('a stop waits for a pending handler and for what stopped returns; a second stop waits along', async () => {
  const { system, idle } = fixture()
  const [handling, closing] = [deferred(), deferred()]
  const log: string[] = []
  const ref = system.spawn<Note>('a', () => ({
    async receive() {
      await handling.promise
      log.push('handled')
    },
    async stopped() {
      await closing.promise
      log.push('closed')
    },
  }))
  system.tell(ref, note('x'))
  await idle()
  const stops = [system.stop(ref), system.stop(ref)].map((stop, n) => stop.then(() => log.push(`stop ${n}`)))
  await idle()
  assert.deepEqual(log, [])
  handling.resolve()
  await idle()
  assert.deepEqual(log, ['handled'])
  assert.throws(() => system.spawn<Note>('a', () => ({ receive: () => {} })), { code: 'FIRESTEEL_INTERNAL' })
  closing.resolve()
  await Promise.all(stops)
  assert.deepEqual(log, ['handled', 'closed', 'stop 0', 'stop 1'])
  await system.stop(ref)
})

test('a handler that never settles holds a stop for its time only, and is told of', async () => {
  const { system, idle, advance, failures } = fixture()
  const gate = deferred()
  const ref = system.spawn<Note>('stuck', () => ({ receive: () => gate.promise }))
  system.tell(ref, note('x'))
  await idle()
  const stop = system.stop(ref)
  await advance(5000)
  await stop
  assert.match(String(failures[0]?.error), /did not settle within 5000 ms/)
  assert.deepEqual(system.actors(), [])
  gate.reject(new Error('too late'))
  await idle()
  assert.deepEqual(
    failures.map(({ outcome }) => outcome),
    ['stopped', 'stopped'],
  )
})

test('a late continuation of a stopped actor starts nothing that nobody would end', async () => {
  const { system, time } = fixture()
  let old: ActorContext<Note> | undefined
  const ref = system.spawn<Note>('a', (context) => {
    old = context
    return { receive: () => {} }
  })
  await system.stop(ref)
  const context = old as ActorContext<Note>
  const young = system.spawn<Note>('a', () => ({ receive: () => {} }))
  context.timers.start('tick', 1, note('tick'))
  context.stop()
  assert.equal(time.pending, 0)
  assert.throws(() => context.spawn<Note>('child', () => ({ receive: () => {} })), {
    code: 'FIRESTEEL_ACTOR_STOPPED',
  })
  await assert.rejects(context.ask(young, note('q')), { code: 'FIRESTEEL_ACTOR_STOPPED' })
  assert.deepEqual(
    system.actors().map(({ path }) => path),
    [young.path],
  )
})

test('shutdown stops every actor, leaves first; afterwards nothing begins', async () => {
  const world = fixture()
  const { system } = world
  const log: string[] = []
  const refs = family(world, log)
  const top = refs.get('top') as Ref<Note>
  const ask = assert.rejects(system.ask(top, note('q')), { code: 'FIRESTEEL_ACTOR_STOPPED' })
  await system.shutdown()
  await ask
  assertLeavesFirst(log)
  assert.equal(world.time.pending, 0)
  assert.throws(() => system.spawn<Note>('x', () => ({ receive: () => {} })), {
    code: 'FIRESTEEL_ACTOR_STOPPED',
  })
  assert.equal(system.tell(top, note('x')), false)
  await assert.rejects(system.ask(top, note('q')), { code: 'FIRESTEEL_ACTOR_STOPPED' })
  await system.shutdown()
})

test('a thousand children neither slow nor outlive their parent', async () => {
  const { system, idle } = fixture()
  let stopped = 0
  let handled = 0
  const parent = system.spawn<Note>('parent', (context) => {
    for (let n = 0; n < 1000; n++) {
      const child = context.spawn<Note>(`child ${n}`, () => ({
        receive: () => void handled++,
        stopped: () => void stopped++,
      }))
      context.tell(child, note('hello'))
    }
    return { receive: () => {} }
  })
  await idle()
  assert.equal(handled, 1000)
  await system.stop(parent)
  assert.equal(stopped, 1000)
  assert.deepEqual(system.actors(), [])
})
