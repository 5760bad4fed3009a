import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Mailbox } from '../../runtime/system/mailbox.js'
import { fixture, type Note, note } from '../tools/system-fixture.js'

interface Item {
  readonly n: number
  readonly kept: boolean
}

test('a mailbox is a queue, through every growth, drop and shrink', () => {
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), kept: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('shift' as const), kept: fc.constant(false) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), kept: fc.constant(false) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('shrink' as const), kept: fc.constant(false) }) },
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const mailbox = new Mailbox<Item>()
      const model: Item[] = []
      for (const [n, { do: what, kept }] of commands.entries()) {
        if (what === 'push') {
          model.push({ n, kept })
          mailbox.push({ n, kept })
        } else if (what === 'shift') assert.deepEqual(mailbox.shift(), model.shift())
        else if (what === 'shrink') mailbox.shrink()
        else {
          const at = model.findIndex((item) => !item.kept)
          const expected = at < 0 ? undefined : model.splice(at, 1)[0]
          assert.deepEqual(
            mailbox.dropOldest((item) => !item.kept),
            expected,
          )
        }
        assert.equal(mailbox.size, model.length)
      }
      for (const item of model) assert.deepEqual(mailbox.shift(), item)
      assert.equal(mailbox.shift(), undefined)
    }),
  )
})

test('a burst far over the kept slots comes out in order, twice', () => {
  const mailbox = new Mailbox<{ n: number }>()
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 20_000; n++) mailbox.push({ n })
    for (let n = 0; n < 20_000; n++) assert.equal(mailbox.shift()?.n, n)
    mailbox.shrink()
  }
})

for (const [overflow, kept, told] of [
  ['reject', ['a', 'b'], [true, true, false, false]],
  ['drop-newest', ['a', 'b'], [true, true, true, true]],
  ['drop-oldest', ['c', 'd'], [true, true, true, true]],
] as const) {
  test(`a full mailbox: ${overflow}`, async () => {
    const { system, deadLetters, idle } = fixture()
    const seen: string[] = []
    const ref = system.spawn<Note>('bounded', () => ({ receive: ({ text }) => void seen.push(text) }), {
      mailbox: { messages: 2, overflow },
    })
    const results = ['a', 'b', 'c', 'd'].map((text) => system.tell(ref, note(text)))
    await idle()
    assert.deepEqual(seen, kept)
    assert.deepEqual(results, told)
    assert.deepEqual(
      deadLetters.map(({ reason }) => reason),
      ['full', 'full'],
    )
    assert.equal(system.counters.overflowed, 2)
  })
}

test('an ask that a full mailbox loses fails at once, by every rule', async () => {
  for (const overflow of ['reject', 'drop-newest', 'drop-oldest'] as const) {
    const { system, idle } = fixture()
    const ref = system.spawn<Note>(
      'bounded',
      (context) => ({ receive: (message, envelope) => void context.reply(envelope, message) }),
      { mailbox: { messages: 1, overflow } },
    )
    const asks = ['a', 'b'].map((text) => system.ask(ref, note(text)))
    const results = await Promise.allSettled(asks)
    const lost = overflow === 'drop-oldest' ? 0 : 1
    assert.deepEqual(
      results.map(({ status }) => status),
      lost === 0 ? ['rejected', 'fulfilled'] : ['fulfilled', 'rejected'],
    )
    assert.equal((results[lost] as PromiseRejectedResult).reason.code, 'FIRESTEEL_MAILBOX_FULL')
    await idle()
    assert.deepEqual(system.questions(), { asked: 0, unanswered: 0 })
  }
})

test('a timer passes the bound: a full mailbox delays no deadline', async () => {
  const { system, advance } = fixture({ batchMessages: 1 })
  const seen: string[] = []
  const ref = system.spawn<Note>(
    'bounded',
    ({ timers }) => {
      timers.start('deadline', 5, note('deadline'))
      return { receive: ({ text }) => void seen.push(text) }
    },
    { mailbox: { messages: 1, overflow: 'drop-oldest' } },
  )
  await advance(4)
  system.tell(ref, note('a'))
  await advance(1)
  system.tell(ref, note('b'))
  await advance(0)
  assert.deepEqual(seen, ['a', 'deadline', 'b'])
})
