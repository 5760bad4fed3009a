import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import { systemTimers } from '../../runtime/timers.js'
import { waitUntil } from '../harness/wait-until.js'
import { deferred, type Fixture, fixture, type Note, note } from '../tools/system-fixture.js'

function ticking({ system, time }: Fixture, log: string[]): [ActorContext<Note>, Ref<Note>] {
  let context: ActorContext<Note> | undefined
  const ref = system.spawn<Note>('a', (own) => {
    context = own
    return { receive: ({ text }) => void log.push(`${text}@${time.monotonicMs()}`) }
  })
  return [context as ActorContext<Note>, ref]
}

test('single and repeated timers, by key', async () => {
  const world = fixture()
  const log: string[] = []
  const [{ timers }] = ticking(world, log)
  timers.start('once', 15, note('once'))
  timers.start('each', 10, note('each'), { repeat: true })
  assert.deepEqual([timers.has('once'), timers.has('each'), timers.has('other')], [true, true, false])
  await world.advance(35)
  assert.deepEqual(log, ['each@10', 'once@15', 'each@20', 'each@30'])
  assert.deepEqual([timers.has('once'), timers.has('each')], [false, true])
  timers.cancel('each')
  await world.advance(100)
  assert.equal(log.length, 4)
  assert.equal(world.time.pending, 0)
})

test('starting a key again replaces it', async () => {
  const world = fixture()
  const log: string[] = []
  const [{ timers }] = ticking(world, log)
  timers.start('lease', 10, note('first'))
  await world.advance(9)
  timers.start('lease', 10, note('second'))
  await world.advance(100)
  assert.deepEqual(log, ['second@19'])
})

test('a timer replaced while its message is queued is not delivered', async () => {
  const world = fixture()
  const { system, time, advance } = world
  const log: string[] = []
  const ref = system.spawn<Note>('a', ({ timers }) => ({
    receive({ text }) {
      log.push(`${text}@${time.monotonicMs()}`)
      if (text === 'start') {
        timers.start('x', 10, note('x'))
        timers.start('y', 10, note('y'))
      }
      if (text === 'cancel') {
        timers.start('y', 10, note('new y'))
      }
    },
  }))
  system.tell(ref, note('start'))
  await world.idle()
  // Nothing is handled between the two: the mailbox holds x, cancel, y.
  await time.advanceSettling(10, async () => {
    if (time.monotonicMs() === 10 && system.actors()[0]?.mailbox === 1) system.tell(ref, note('cancel'))
  })
  assert.equal(system.actors()[0]?.mailbox, 3)
  await advance(100)
  assert.deepEqual(log, ['start@0', 'x@10', 'cancel@10', 'new y@20'])
})

test('ticks of a slow actor do not pile up', async () => {
  const { system, advance } = fixture()
  const gate = deferred()
  const seen: string[] = []
  const ref = system.spawn<Note>('slow', ({ timers }) => {
    timers.start('each', 10, note('tick'), { repeat: true })
    return {
      receive({ text }) {
        seen.push(text)
        return text === 'wait' ? gate.promise : undefined
      },
    }
  })
  system.tell(ref, note('wait'))
  await advance(95)
  assert.equal(system.actors()[0]?.mailbox, 1)
  gate.resolve()
  await advance(0)
  assert.deepEqual(seen, ['wait', 'tick'])
  await advance(10)
  assert.deepEqual(seen, ['wait', 'tick', 'tick'])
})

test('a tick begins a trace of its own', async () => {
  const { system, advance, ring } = fixture()
  const ref = system.spawn<Note>('a', ({ timers }) => ({
    receive: ({ text }) => void (text === 'go' && timers.start('x', 10, note('x'))),
  }))
  system.tell(ref, note('go'))
  await advance(10)
  assert.deepEqual(
    ring.snapshot().map(({ id, trace, parent }) => [id, trace, parent]),
    [
      [100, 100, undefined],
      [101, 101, undefined],
    ],
  )
})

test('a stop cancels the timers', async () => {
  const world = fixture()
  const [{ timers }, ref] = ticking(world, [])
  timers.start('each', 10, note('each'), { repeat: true })
  await world.system.stop(ref)
  assert.equal(world.time.pending, 0)
  await world.advance(100)
  assert.deepEqual(world.deadLetters, [])
})

test('real timers fire once, can be cancelled, and reach further than Node lets one', async () => {
  let fired = 0
  systemTimers.after(1, () => void fired++)
  const cancelled = systemTimers.after(1, () => assert.fail('was cancelled'))
  const distant = systemTimers.after(2 ** 31 + 5, () => assert.fail('fired at once'))
  cancelled()
  await waitUntil('the timer', () => fired === 1)
  distant()
})
