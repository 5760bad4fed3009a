import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { AnyRef, Ref } from '../../runtime/system/ref.js'
import type { ActorSystem } from '../../runtime/system/system.js'
import type { Terminated } from '../../runtime/system/system-messages.js'
import { fixture, type Note, note, Wire } from '../tools/system-fixture.js'

interface Watcher {
  readonly context: ActorContext<Note | Terminated>
  readonly self: Ref<Note | Terminated>
  readonly seen: string[]
}

function watcher(system: ActorSystem, name: string): Watcher {
  const seen: string[] = []
  let context: ActorContext<Note | Terminated> | undefined
  const self = system.spawn<Note | Terminated>(name, (own) => {
    context = own
    return {
      receive: (message) =>
        void seen.push(message.type === 'Note' ? message.text : `${message.path} ${message.reason}`),
    }
  })
  return { context: context as ActorContext<Note | Terminated>, self, seen }
}

const idler = () => ({ receive: () => {} })

test('each watcher hears once of an end, after all that the actor sent before', async () => {
  const { system, idle } = fixture()
  const watchers = [watcher(system, 'w1'), watcher(system, 'w2')]
  const ref = system.spawn<Note>('a', (context) => ({
    receive() {
      for (const { self } of watchers) context.tell(self, note('last words'))
      context.stop()
    },
  }))
  for (const { context } of watchers) {
    context.watch(ref)
    context.watch(ref)
  }
  system.tell(ref, note('go'))
  await idle()
  for (const { seen } of watchers) assert.deepEqual(seen, ['last words', `${ref.path} stopped`])
})

test('the name is free when the end is told, and only the old actor was watched', async () => {
  const { system, idle } = fixture()
  const ends: string[] = []
  let lives = 0
  system.spawn<Terminated>('keeper', (context) => {
    const begin = (): void => {
      lives++
      context.watch(context.spawn<Note>('child', idler))
    }
    begin()
    return {
      receive({ path }) {
        ends.push(path)
        if (lives < 3) begin()
      },
    }
  })
  for (let life = 1; life <= 3; life++) {
    await system.stop(system.find('/user/keeper/child') as AnyRef)
    await idle()
    assert.equal(ends.length, life)
  }
  assert.equal(lives, 3)
})

test('to watch what has ended tells of it at once, each time', async () => {
  const { system, idle } = fixture()
  const { context, seen } = watcher(system, 'w')
  const ref = system.spawn<Note>('a', idler)
  await system.stop(ref)
  context.watch(ref)
  await idle()
  context.watch(ref)
  await idle()
  assert.deepEqual(seen, [`${ref.path} stopped`, `${ref.path} stopped`])
})

test('after unwatch nothing is heard, also of an end that is queued already', async () => {
  const { system, idle } = fixture()
  const { context, seen } = watcher(system, 'w')
  const [a, b] = [system.spawn<Note>('a', idler), system.spawn<Note>('b', idler)]
  context.watch(a)
  context.watch(b)
  context.unwatch(a)
  void system.stop(a)
  void system.stop(b)
  context.unwatch(b)
  await idle()
  assert.deepEqual(seen, [])
})

test('a watcher that has stopped is no dead letter', async () => {
  const { system, idle, deadLetters } = fixture()
  const { context, self } = watcher(system, 'w')
  const ref = system.spawn<Note>('a', idler)
  context.watch(ref)
  await system.stop(self)
  await system.stop(ref)
  await idle()
  assert.deepEqual(deadLetters, [])
})

test('over a link: the end, its reason, one Watch for many watchers, Unwatch with the last', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const watchers = [watcher(one.system, 'w1'), watcher(one.system, 'w2')]
  const [a, b] = [two.system.spawn<Note>('a', idler), two.system.spawn<Note>('b', idler)]
  for (const { context } of watchers) {
    for (const name of ['a', 'b']) context.watch(one.system.remote(wire.toTwo, `/user/${name}`))
  }
  for (const { context } of watchers) context.unwatch(one.system.remote(wire.toTwo, '/user/b'))
  await wire.settle()
  assert.deepEqual(
    wire.frames.map((frame) => JSON.parse(frame).message),
    [
      { type: 'Watch', path: '/user/a' },
      { type: 'Watch', path: '/user/b' },
      { type: 'Unwatch', path: '/user/b' },
    ],
  )
  await two.system.stop(a)
  await two.system.stop(b)
  await wire.settle()
  for (const { seen } of watchers) assert.deepEqual(seen, ['firesteel://test@two:7070/user/a stopped'])
  assert.equal(wire.frames.length, 4)
})

test('over a link: nobody there is told as unknown, and can be watched again', async () => {
  const wire = new Wire()
  const { context, seen } = watcher(wire.one.system, 'w')
  const nobody = wire.one.system.remote(wire.toTwo, '/user/nobody')
  for (let round = 1; round <= 2; round++) {
    context.watch(nobody)
    await wire.settle()
    assert.equal(seen.length, round)
  }
  assert.equal(seen[0], 'firesteel://test@two:7070/user/nobody unknown')
})

test('a cut link fires the watches over it, on both sides nothing is left', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const { context, seen } = watcher(one.system, 'w')
  const a = two.system.spawn<Note>('a', idler)
  const remote = one.system.remote(wire.toTwo, '/user/a')
  context.watch(remote)
  await wire.settle()
  wire.cut()
  await wire.settle()
  assert.deepEqual(seen, [`${remote.path} disconnected`])
  await two.system.stop(a)
  await wire.settle()
  assert.deepEqual(two.deadLetters, [])
  context.watch(remote)
  await wire.settle()
  assert.equal(seen.length, 2, 'a watch over a closed link fires at once')
})

test('a peer that talks nonsense to /system harms nothing', async () => {
  const { one, two, toOne, settle } = new Wire()
  const { context, seen } = watcher(two.system, 'w')
  const a = two.system.spawn<Note>('a', idler)
  context.watch(a)
  const envelope = { from: '/system', to: '/system', id: 1, trace: 1, epoch: 1 }
  for (const message of [
    { type: 'Terminated', path: '/user/a', reason: 'failed' },
    { type: 'Watch' },
    { type: 'Watch', path: 7 },
    { type: 'Shutdown', path: '/user/a' },
  ]) {
    two.system.receive(toOne, { ...envelope, message })
  }
  two.system.receive(toOne, { ...envelope, to: '/user/w', message: { type: 'Terminated' } })
  await settle.call({ one, two })
  assert.deepEqual(seen, [])
  assert.deepEqual(
    two.deadLetters.map(({ reason }) => reason),
    ['malformed', 'malformed', 'malformed', 'unknown'],
  )
})
