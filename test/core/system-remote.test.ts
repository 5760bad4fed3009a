import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { Envelope, WireEnvelope } from '../../runtime/system/envelope.js'
import type { Ref } from '../../runtime/system/ref.js'
import { deferred, fixture, type Note, note, Wire } from '../tools/system-fixture.js'

test('a remote tell keeps order, trace and epoch; its sender can be told back', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const seen: Envelope[] = []
  two.system.spawn<Note>('far', (context) => ({
    receive(message, envelope) {
      seen.push(envelope)
      context.tell(context.system.senderOf<Note>(envelope) as Ref<Note>, note(`${message.text} back`))
    },
  }))
  const back: string[] = []
  const far = one.system.remote<Note>(wire.toTwo, 'firesteel://other@name:1/user/far')
  const near = one.system.spawn<Note>('near', (context) => ({
    receive({ text }) {
      if (text === 'go') for (const n of [1, 2, 3]) context.tell(far, note(`${n}`))
      else back.push(text)
    },
  }))
  one.system.tell(near, note('go'))
  await wire.settle()
  assert.deepEqual(back, ['1 back', '2 back', '3 back'])
  assert.equal(far.path, 'firesteel://test@two:7070/user/far')
  const { from, to, epoch, trace, parent, sink, bytes } = seen[0] as Envelope
  assert.deepEqual(
    { from, to, epoch, trace, parent },
    { from: near.path, to: far.path, epoch: 7, trace: 100, parent: 100 },
  )
  assert.equal(sink, wire.toOne)
  assert.equal(bytes, wire.frames[0]?.length)

  const [sent, received] = [one, two].map(({ ring }) => ring.snapshot(({ to: path }) => path === far.path)[0])
  assert.deepEqual({ ...sent, tookUs: 0 }, received, 'both sides trace the same message')
  const answer = two.ring.snapshot(({ from: path }) => path === far.path)[0]
  assert.deepEqual([answer?.trace, answer?.parent, answer?.epoch], [100, sent?.id, 3])
  assert.deepEqual([one.system.counters.sent, one.system.counters.received], [3, 3])
  assert.equal(one.system.counters.messages, 7)
})

test('what is not for the peer is not on the wire', async () => {
  const wire = new Wire()
  wire.one.system.tell(wire.one.system.remote<Note>(wire.toTwo, '/user/far'), note('a'))
  assert.deepEqual(JSON.parse(wire.frames[0] as string), {
    from: '/system',
    to: '/user/far',
    message: note('a'),
    id: 100,
    trace: 100,
    epoch: 7,
  })
})

test('a remote ask: answer, late answer by its address, typed error', async () => {
  const wire = new Wire()
  const { one, two } = wire
  two.system.spawn<Note>('far', (context) => ({
    receive({ text }, envelope) {
      if (text === 'throw') throw new Error('broken')
      const address = context.replyTo(envelope)
      if (address) setImmediate(() => two.system.answer(address, note(`${text}!`)))
    },
  }))
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  assert.deepEqual(await one.system.ask(far, note('a')), note('a!'))
  await assert.rejects(one.system.ask(far, note('throw')), { code: 'FIRESTEEL_INTERNAL', message: 'broken' })
  await assert.rejects(one.system.ask(far, note('after')), { code: 'FIRESTEEL_ACTOR_STOPPED' })
  assert.deepEqual(one.system.questions(), { asked: 0, unanswered: 0 })
  assert.deepEqual(two.system.questions(), { asked: 0, unanswered: 0 })
})

test('an unknown receiver: a dead letter there, an error for who asked', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const nobody = one.system.remote<Note>(wire.toTwo, '/user/nobody')
  assert.equal(one.system.tell(nobody, note('a')), true)
  await assert.rejects(one.system.ask(nobody, note('b')), { code: 'FIRESTEEL_ACTOR_STOPPED' })
  assert.deepEqual(
    two.deadLetters.map(({ reason, envelope }) => [reason, envelope.to]),
    [
      ['unknown', 'firesteel://test@two:7070/user/nobody'],
      ['unknown', 'firesteel://test@two:7070/user/nobody'],
    ],
  )
})

test('a full mailbox and a stop there are told to who asked', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const gate = deferred()
  const actor = two.system.spawn<Note>('far', () => ({ receive: () => gate.promise }), {
    mailbox: { messages: 1 },
  })
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  const inHand = one.system.ask(far, note('in hand'))
  await wire.settle()
  const unread = one.system.ask(far, note('unread'))
  await assert.rejects(one.system.ask(far, note('too many')), { code: 'FIRESTEEL_MAILBOX_FULL' })
  const stop = two.system.stop(actor)
  gate.resolve()
  await stop
  for (const ask of [inHand, unread]) await assert.rejects(ask, { code: 'FIRESTEEL_ACTOR_STOPPED' })
})

test('a link that closes fails the asks over it, and only those; one closed takes nothing', async () => {
  const wire = new Wire()
  const { one, two } = wire
  two.system.spawn<Note>('far', () => ({ receive: () => {} }))
  const near = one.system.spawn<Note>('near', () => ({ receive: () => {} }))
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  const ask = assert.rejects(one.system.ask(far, note('a')), { code: 'FIRESTEEL_LINK_CLOSED' })
  const local = assert.rejects(one.system.ask(near, note('a')), { code: 'FIRESTEEL_ASK_TIMEOUT' })
  await wire.settle()
  assert.equal(two.system.questions().unanswered, 1)
  wire.cut()
  await ask
  assert.deepEqual(one.system.questions(), { asked: 1, unanswered: 1 })
  assert.equal(two.system.questions().unanswered, 0)
  await assert.rejects(one.system.ask(far, note('b')), { code: 'FIRESTEEL_LINK_CLOSED' })
  assert.equal(one.system.tell(far, note('c')), false)
  assert.deepEqual(
    one.deadLetters.map(({ reason }) => reason),
    ['link', 'link'],
  )
  await one.advance(10_000)
  await local
})

test('an answer counts only from the link that was asked', async () => {
  const wire = new Wire()
  const { one } = wire
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  wire.two.system.spawn<Note>('far', () => ({ receive: () => {} }))
  const ask = one.system.ask<Note, Note>(far, note('a'))
  await wire.settle()
  const { ask: id } = JSON.parse(wire.frames[0] as string) as WireEnvelope
  const answer = { from: '/user/far', to: '/system', id: 1, trace: 1, epoch: 1, answer: id as string }
  const stranger = { path: 'firesteel://test@three:1', send: () => true }
  one.system.receive(stranger, { ...answer, message: note('forged') })
  one.system.receive(wire.toTwo, { ...answer, message: note('true') })
  assert.deepEqual(await ask, note('true'))
  one.system.receive(wire.toTwo, { ...answer, message: note('again') })
  assert.deepEqual(
    one.deadLetters.map(({ reason, envelope }) => [reason, (envelope.message as Note).text]),
    [
      ['late', 'forged'],
      ['late', 'again'],
    ],
  )
})

test('the authority of a sender is its link, whatever it says of itself', async () => {
  const { system, idle } = fixture()
  const seen: string[] = []
  system.spawn<Note>('a', () => ({ receive: (_message, { from }) => void seen.push(from) }))
  const sink = { path: 'firesteel://test@two:7070', send: () => true }
  const from = 'firesteel://test@one:7070/user/master'
  system.receive(sink, { from, to: '/user/a', message: note('x'), id: 1, trace: 1, epoch: 1 })
  await idle()
  assert.deepEqual(seen, ['firesteel://test@two:7070/user/master'])
})

test('malformed envelopes are counted and dropped', async () => {
  const { system, deadLetters, idle } = fixture()
  let handled = 0
  system.spawn<Note>('a', () => ({ receive: () => void handled++ }))
  const sink = { path: 'firesteel://test@two:7070', send: () => true }
  const good = { from: '/user/b', to: '/user/a', message: note('x'), id: 1, trace: 1, epoch: 1 }
  const bad: unknown[] = [
    null,
    undefined,
    'text',
    7,
    {},
    ...Object.keys(good).map((key) => ({ ...good, [key]: undefined })),
    { ...good, message: null },
    { ...good, message: {} },
    { ...good, parent: 'x' },
    { ...good, ask: 7 },
    { ...good, answer: {} },
    { ...good, askMs: '1s' },
    { ...good, seq: null },
  ]
  for (const envelope of bad) system.receive(sink, envelope as WireEnvelope)
  system.receive(sink, good)
  await idle()
  assert.equal(handled, 1)
  assert.equal(deadLetters.length, bad.length)
  for (const { reason, envelope } of deadLetters) {
    assert.deepEqual([reason, envelope.from, envelope.message.type], ['malformed', sink.path, 'Malformed'])
  }
})

test('questions whose remote asker has long given up do not gather', async () => {
  const { system, advance, idle } = fixture()
  system.spawn<Note>('silent', () => ({ receive: () => {} }))
  const sink = { path: 'firesteel://test@two:7070', send: () => true }
  const question = {
    from: '/user/b',
    to: '/user/silent',
    message: note('x'),
    id: 1,
    trace: 1,
    epoch: 1,
    askMs: 50,
  }
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 500; n++) system.receive(sink, { ...question, ask: `${round}-${n}` })
    await idle()
    await advance(100)
  }
  assert.ok(system.questions().unanswered <= 1500, `${system.questions().unanswered} kept of 10,000`)
})

test('many links with questions that nobody answers: a budget for all, BUSY above it, a place for others', async () => {
  const { system, advance, idle } = fixture()
  system.spawn<Note>('silent', () => ({ receive: () => {} }))
  const busy = new Map<string, number>()
  const links = Array.from({ length: 60 }, (_, n) => {
    const path = `firesteel://test@flood-${n}:7070`
    const send = ({ message }: WireEnvelope): boolean => {
      assert.equal((message as unknown as { code: string }).code, 'BUSY')
      busy.set(path, (busy.get(path) ?? 0) + 1)
      return true
    }
    return { path, send }
  })
  const question = { to: '/user/silent', message: note('x'), id: 1, trace: 1, epoch: 1, ask: 'q' }
  for (const link of links) {
    for (let n = 0; n < 200; n++) system.receive(link, { ...question, from: `/${'x'.repeat(2000)}` })
    await idle()
  }
  const { unanswered } = system.questions()
  // 16 MiB, of which each counts 512 bytes and its texts twice.
  assert.ok(unanswered > 3000 && unanswered <= (16 * 1024 * 1024) / (512 + 2 * 2000), `${unanswered}`)
  assert.equal(unanswered + [...busy.values()].reduce((sum, count) => sum + count, 0), 60 * 200)

  const honest = { path: 'firesteel://test@honest:7070', send: () => assert.fail('refused') }
  for (let n = 0; n < 3; n++) system.receive(honest, { ...question, from: '/user/client' })
  await idle()
  assert.equal(system.questions().unanswered, unanswered + 3)

  // Those of an ended link go, and no others.
  for (const link of links) system.disconnect(link)
  assert.equal(system.questions().unanswered, 3)
  await advance(0)
})

test('a question that is taken in hand after its link has ended is not kept (found by the fuzzer)', async () => {
  const { two, toOne } = new Wire()
  const received: string[] = []
  two.system.spawn<Note>('far', () => ({ receive: ({ text }) => void received.push(text) }))
  const wire = { from: '/user/near', to: '/user/far', id: 1, trace: 1, epoch: 7 }
  two.system.receive(toOne, { ...wire, message: note('a'), ask: 'q1' })
  await two.idle()
  two.system.receive(toOne, { ...wire, message: note('b'), ask: 'q2' })
  // The second still lies in the mailbox.
  two.system.disconnect(toOne)
  await two.idle()
  assert.deepEqual(received, ['a', 'b'])
  assert.deepEqual(two.system.questions(), { asked: 0, unanswered: 0 })
})

/** Takes nothing of more than 400 bytes. */
function narrow(wire: Wire): void {
  for (const sink of [wire.toOne, wire.toTwo]) {
    const { send } = sink
    sink.send = (envelope) => {
      if (JSON.stringify(envelope).length > 400)
        throw new FiresteelError('MESSAGE_TOO_LARGE', 'over 400 bytes')
      return send(envelope)
    }
  }
}

test('a message too large for its link is a dead letter, and its sender lives on', async () => {
  const wire = new Wire()
  const { one } = wire
  narrow(wire)
  const went: boolean[] = []
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  const near = one.system.spawn<Note>('near', (context) => ({
    receive: ({ text }) =>
      void went.push(context.tell(far, note(text.repeat(500))), context.tell(far, note(text))),
  }))
  one.system.tell(near, note('x'))
  await wire.settle()
  assert.deepEqual(went, [false, true])
  assert.deepEqual(
    one.deadLetters.map(({ reason, envelope }) => [reason, envelope.to]),
    [['large', far.path]],
  )
  assert.deepEqual(one.failures, [])
})

test('a question too large fails at once, an answer too large says so to who asked', async () => {
  const wire = new Wire()
  const { one, two } = wire
  narrow(wire)
  two.system.spawn<Note>('far', (context) => ({
    receive: ({ text }, envelope) => void context.reply(envelope, note(text.repeat(500))),
  }))
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  await assert.rejects(one.system.ask(far, note('x'.repeat(500))), { code: 'FIRESTEEL_MESSAGE_TOO_LARGE' })
  await assert.rejects(one.system.ask(far, note('x')), { code: 'FIRESTEEL_MESSAGE_TOO_LARGE' })
  assert.deepEqual(one.system.questions(), { asked: 0, unanswered: 0 })
  assert.deepEqual(two.failures, [])
  assert.deepEqual(
    two.deadLetters.map(({ reason }) => reason),
    ['large'],
  )
})

test('a link is told of each of its envelopes that waits, and that waits no more', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const counts = { queued: 0, taken: 0 }
  wire.toOne.queued = () => counts.queued++
  wire.toOne.taken = () => counts.taken++
  const gate = deferred()
  const far = two.system.spawn<Note>('far', () => ({ receive: () => gate.promise }), {
    mailbox: { messages: 3, overflow: 'drop-oldest' },
  })
  const ref = one.system.remote<Note>(wire.toTwo, '/user/far')
  for (let n = 0; n < 6; n++) one.system.tell(ref, note(`${n}`))
  await wire.settle()
  assert.deepEqual(counts, { queued: 6, taken: 4 }, 'three were dropped, one is in hand')
  const stopped = two.system.stop(far)
  gate.resolve()
  await stopped
  assert.deepEqual(counts, { queued: 6, taken: 6 }, 'a stop empties the mailbox')
})

test('one costly message from a link ends the turn of its actor, so that others have theirs', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const order: string[] = []
  // The clock of the test stands in for work that takes long.
  let nowMs = 0
  two.time.monotonicMs = () => nowMs
  two.system.spawn<Note>('far', () => ({
    receive({ text }) {
      nowMs += limits.batchMs
      order.push(text)
      setImmediate(() => order.push('another'))
    },
  }))
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  for (let n = 0; n < 4; n++) one.system.tell(far, note(`${n}`))
  await wire.settle()
  assert.deepEqual(order.slice(0, 5), ['0', 'another', '1', 'another', '2'])
})

test('after cheap messages from a link a costly one ends the turn within a few more; a question at once', async () => {
  const wire = new Wire()
  const { one, two } = wire
  const turns: string[][] = []
  let turn: string[] | undefined
  let nowMs = 0
  two.time.monotonicMs = () => nowMs
  two.system.spawn<Note>('far', (context) => ({
    receive({ text }, envelope) {
      if (text !== 'cheap') nowMs += limits.batchMs
      if (turn === undefined) {
        turn = []
        turns.push(turn)
        setImmediate(() => {
          turn = undefined
        })
      }
      turn.push(text)
      if (envelope.ask !== undefined) context.reply(envelope, note('answer'))
    },
  }))
  const far = one.system.remote<Note>(wire.toTwo, '/user/far')
  const cheap = 4 * limits.batchLookMessages
  const many = (text: string, count: number): void => {
    for (let n = 0; n < count; n++) one.system.tell(far, note(text))
  }
  many('cheap', cheap)
  many('costly', 2 * limits.batchLookMessages)
  await wire.settle()
  const [first = [], ...others] = turns
  const costly = first.filter((text) => text === 'costly').length
  assert.ok(costly > 0 && costly <= limits.batchLookMessages, `${costly} costly ones in one turn`)
  assert.ok(others.every(({ length }) => length === 1))

  turns.length = 0
  many('cheap', cheap)
  const answered = one.system.ask(far, note('question'))
  many('cheap', cheap)
  await wire.settle()
  await answered
  assert.equal(turns[0]?.at(-1), 'question')
  assert.equal(turns.flat().length, 2 * cheap + 1)
})
