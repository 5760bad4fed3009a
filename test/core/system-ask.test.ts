import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, FiresteelError } from '../../runtime/errors.js'
import type { ReplyAddress } from '../../runtime/system/envelope.js'
import { type Failure, failureOf } from '../../runtime/system/system-messages.js'
import { deferred, fixture, type Note, note } from '../tools/system-fixture.js'

test('an ask resolves with its answer, which the ring shows as its consequence', async () => {
  const { system, ring } = fixture()
  const ref = system.spawn<Note>('echo', (context) => ({
    receive: ({ text }, envelope) => void context.reply(envelope, note(`${text}!`)),
  }))
  const answer: Note = await system.ask(ref, note('a'))
  assert.deepEqual(answer, note('a!'))
  assert.deepEqual(
    ring.snapshot().map(({ id, trace, parent }) => [id, trace, parent]),
    [
      [100, 100, undefined],
      [101, 100, 100],
    ],
  )
  assert.deepEqual(system.questions(), { asked: 0, unanswered: 0 })
})

test('answers may come much later and in any order; only the first of each counts', async () => {
  const { system, idle, time } = fixture()
  const addresses: ReplyAddress[] = []
  const ref = system.spawn<Note>('lane', (context) => ({
    receive: (_message, envelope) => void addresses.push(context.replyTo(envelope) as ReplyAddress),
  }))
  const asks = ['a', 'b'].map((text) => system.ask(ref, note(text)))
  await idle()
  assert.deepEqual(system.questions(), { asked: 2, unanswered: 2 })
  const [a, b] = addresses as [ReplyAddress, ReplyAddress]
  assert.equal(system.answer(b, note('second')), true)
  assert.equal(system.answer({ ...a }, note('first')), true)
  assert.equal(system.answer(a, note('again')), false)
  assert.deepEqual(await Promise.all(asks), [note('first'), note('second')])
  assert.equal(time.pending, 0)
})

test('a tell has no reply address and is not answered', async () => {
  const { system, idle } = fixture()
  const results: unknown[] = []
  const ref = system.spawn<Note>('plain', (context) => ({
    receive(_message, envelope) {
      results.push(context.replyTo(envelope), context.reply(envelope, note('x')))
    },
  }))
  system.tell(ref, note('a'))
  await idle()
  assert.deepEqual(results, [undefined, false])
})

test('a deadline, after which the answer is a dead letter that leaves nothing behind', async () => {
  const { system, advance, deadLetters } = fixture()
  let address: ReplyAddress | undefined
  const ref = system.spawn<Note>('late', (context) => ({
    receive: (_message, envelope) => {
      address = context.replyTo(envelope)
    },
  }))
  const ask = assert.rejects(system.ask(ref, note('a'), { timeoutMs: 50 }), {
    code: 'FIRESTEEL_ASK_TIMEOUT',
    message: 'firesteel://test@one:7070/user/late did not answer Note within 50 ms',
  })
  await advance(49)
  assert.deepEqual(system.questions(), { asked: 1, unanswered: 1 })
  await advance(1)
  await ask
  assert.deepEqual(system.questions(), { asked: 0, unanswered: 0 })
  assert.equal(system.answer(address as ReplyAddress, note('late')), false)
  assert.deepEqual(deadLetters, [])
})

test('a signal ends an ask with its reason, before and while it waits', async () => {
  const { system, idle, time } = fixture()
  const ref = system.spawn<Note>('silent', () => ({ receive: () => {} }))
  const reason = new Error('changed my mind')
  await assert.rejects(system.ask(ref, note('a'), { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const ask = assert.rejects(system.ask(ref, note('b'), { signal: controller.signal }), reason)
  await idle()
  controller.abort(reason)
  await ask
  assert.equal(time.pending, 0)
  assert.deepEqual(system.questions(), { asked: 0, unanswered: 0 })
})

test('an actor that stops fails what it was asked: in hand, unread, and afterwards', async () => {
  const { system, idle } = fixture()
  const gate = deferred()
  const ref = system.spawn<Note>('ending', () => ({ receive: () => gate.promise }))
  const asks = ['in hand', 'unread'].map((text) => system.ask(ref, note(text)))
  await idle()
  const stopped = system.stop(ref)
  asks.push(system.ask(ref, note('stopping')))
  gate.resolve()
  await stopped
  asks.push(system.ask(ref, note('afterwards')))
  for (const ask of asks) await assert.rejects(ask, { code: 'FIRESTEEL_ACTOR_STOPPED' })
})

test('a handler that throws or rejects answers its ask with that error, at once', async () => {
  const { system } = fixture()
  const ref = system.spawn<Note>(
    'failing',
    (context) => ({
      receive({ text }, envelope) {
        if (text === 'coded') throw new FiresteelError('NO_ROOM', 'no cores', { place: 'worker-1' })
        if (text === 'plain') throw new TypeError('x is not a function')
        if (text === 'async') return Promise.reject(new FiresteelError('BUSY', 'try later'))
        context.reply(envelope, note('answered'))
        throw new Error('after the answer')
      },
    }),
    { supervision: { strategy: 'restart', intensity: 100, periodMs: 1 } },
  )
  const coded = { code: 'FIRESTEEL_NO_ROOM', message: 'no cores', place: 'worker-1' }
  await assert.rejects(system.ask(ref, note('coded')), coded)
  await assert.rejects(system.ask(ref, note('plain')), {
    code: 'FIRESTEEL_INTERNAL',
    message: 'x is not a function',
  })
  await assert.rejects(system.ask(ref, note('async')), { code: 'FIRESTEEL_BUSY' })
  assert.deepEqual(await system.ask(ref, note('answered')), note('answered'))
})

test('a Failure is a typed error, with or without the prefix of its code', async () => {
  const { system } = fixture()
  const ref = system.spawn<Note>('refusing', (context) => ({
    receive: ({ text }, envelope) =>
      void context.reply<Failure>(envelope, { type: 'Failure', code: text, message: 'no', help: 'wait' }),
  }))
  for (const code of ['NOT_LEADER', 'FIRESTEEL_NOT_LEADER']) {
    await assert.rejects(system.ask(ref, note(code)), {
      code: 'FIRESTEEL_NOT_LEADER',
      message: 'no',
      help: 'wait',
    })
  }
  await assert.rejects(system.ask(ref, note('FROM_THE_FUTURE')), {
    code: 'FIRESTEEL_INTERNAL',
    message: 'FROM_THE_FUTURE: no',
  })
  const error = new FiresteelError('KEY_REUSED', 'taken', { place: 'here', help: 'choose' })
  const { code, message, place, help } = errorOf(failureOf(error))
  assert.deepEqual([code, message, place, help], ['FIRESTEEL_KEY_REUSED', 'taken', 'here', 'choose'])
})

test('an asking actor that stops has its asks rejected', async () => {
  const { system, idle, time } = fixture()
  const silent = system.spawn<Note>('silent', () => ({ receive: () => {} }))
  let outcome: Promise<unknown> | undefined
  const asker = system.spawn<Note>('asker', (context) => ({
    receive() {
      outcome = context.ask(silent, note('q'))
      outcome.catch(() => {})
    },
  }))
  system.tell(asker, note('go'))
  await idle()
  await system.stop(asker)
  await assert.rejects(outcome as Promise<unknown>, { code: 'FIRESTEEL_ACTOR_STOPPED' })
  assert.deepEqual(system.questions(), { asked: 0, unanswered: 0 })
  assert.equal(time.pending, 0)
})
