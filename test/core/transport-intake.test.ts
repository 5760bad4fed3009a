import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import { HeldBytes } from '../../runtime/transport/held-bytes.js'
import { Intake, type IntakeSource, type Turn } from '../../runtime/transport/intake.js'
import { MailboxShare, unitsOf } from '../../runtime/transport/mailbox-share.js'

/** An intake whose turns come when the test says so. */
function turns(): { intake: Intake; next: () => boolean } {
  let due: (() => void) | undefined
  const intake = new Intake((run) => {
    due = run
  })
  const next = (): boolean => {
    const run = due
    due = undefined
    run?.()
    return run !== undefined
  }
  return { intake, next }
}

/** Has so many items of so many bytes, and notes who was served in `order`. */
class Flood implements IntakeSource {
  left: number
  readonly name: string
  readonly #bytes: number
  readonly #order: string[]

  constructor(name: string, left: number, bytes: number, order: string[]) {
    this.name = name
    this.left = left
    this.#bytes = bytes
    this.#order = order
  }

  work(turn: Turn): boolean {
    while (this.left > 0 && turn.items > 0 && turn.bytes > 0) {
      this.left--
      turn.items--
      turn.bytes -= this.#bytes
      this.#order.push(this.name)
    }
    return this.left > 0
  }
}

test('one turn takes a stated number of messages from all links together', () => {
  const { intake, next } = turns()
  const order: string[] = []
  const floods = ['a', 'b', 'c'].map((name) => new Flood(name, 2000, 10, order))
  assert.equal(intake.offer(floods[0] as Flood), true)
  assert.equal(order.length, limits.turnItems, 'a link alone may use the whole turn')
  assert.equal(intake.offer(floods[1] as Flood), false, 'the next one waits for the next turn')
  intake.later(floods[2] as Flood)
  for (let turn = 0; floods.some(({ left }) => left > 0); turn++) {
    order.length = 0
    assert.ok(next() && turn < 20)
    assert.ok(order.length <= limits.turnItems)
  }
  assert.equal(next(), false, 'and nothing is scheduled when nothing is left')
})

test('one turn takes a stated number of bytes, and at most one large message beyond', () => {
  const { intake, next } = turns()
  const order: string[] = []
  const large = new Flood('large', 30, limits.turnBytes / 2, order)
  intake.offer(large)
  assert.equal(order.length, 2)
  order.length = 0
  next()
  assert.equal(order.length, 2)
})

test('links take turns: nobody waits behind the flood of another', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3000), { minLength: 1, maxLength: 30 }), (floods) => {
      const { intake, next } = turns()
      const order: string[] = []
      for (const [index, left] of floods.entries()) intake.later(new Flood(`${index}`, left, 100, order))
      intake.later(new Flood('one', 1, 100, order))
      for (let turn = 0; !order.includes('one'); turn++) assert.ok(next() && turn < 100)
      const before = order.indexOf('one')
      assert.ok(before <= floods.length * limits.linkShareItems, `${before} messages went first`)
    }),
    { numRuns: 200 },
  )
})

test('a link that has ended is not visited any more', () => {
  const { intake, next } = turns()
  const order: string[] = []
  const source = new Flood('gone', 5, 1, order)
  intake.later(source)
  intake.forget(source)
  next()
  assert.deepEqual(order, [])
})

/** Links that always have something, and an actor that takes envelopes in their order. */
function mailbox(): {
  share: MailboxShare<string>
  envelopes: { link: string; ask?: string; bytes: number }[]
  fill: (link: string, envelope: { ask?: string; bytes?: number }) => void
  take: (count: number) => void
} {
  const envelopes: { link: string; ask?: string; bytes: number }[] = []
  const always = new Map<string, { ask?: string; bytes: number }>()
  const deliver = (link: string): void => {
    const envelope = always.get(link)
    if (envelope === undefined) return
    for (let capacity = share.capacity(link); capacity > 0; capacity = share.capacity(link)) {
      // As a link does: small ones together, a large one alone.
      for (let group = envelope.bytes > 512 ? 1 : capacity; group > 0; group--) {
        envelopes.push({ link, ...envelope })
        share.queued(link, envelope)
      }
    }
  }
  const share = new MailboxShare<string>(deliver)
  return {
    share,
    envelopes,
    fill: (link, { ask, bytes = 100 }) => {
      always.set(link, { bytes, ...(ask !== undefined && { ask }) })
      deliver(link)
    },
    take: (count) => {
      for (let n = 0; n < count; n++) {
        const envelope = envelopes.shift()
        if (envelope) share.taken(envelope.link, envelope)
      }
    },
  }
}

test('a link alone may fill the whole share of a mailbox, questions take more of it', () => {
  const tells = mailbox()
  tells.fill('a', {})
  assert.equal(tells.share.units, limits.envelopeUnits)
  assert.equal(tells.envelopes.length, limits.envelopeUnits)
  const asks = mailbox()
  asks.fill('a', { ask: 'q' })
  assert.equal(asks.envelopes.length, limits.envelopeUnits / limits.envelopeQuestionUnits)
})

test('twenty links that flood with questions leave the next link a short wait', () => {
  const { fill, take, envelopes, share } = mailbox()
  for (let link = 0; link < 20; link++) fill(`flood-${link}`, { ask: 'q' })
  for (let round = 0; round < 50; round++) take(7)
  fill('fair', {})
  let waited = 0
  while (!envelopes.some(({ link }) => link === 'fair')) {
    take(1)
    assert.ok(waited++ < 40, 'it is let in')
  }
  const ahead = envelopes.findIndex(({ link }) => link === 'fair')
  assert.ok(ahead <= limits.envelopeUnits / limits.envelopeQuestionUnits, `${ahead} letters are ahead of it`)
  assert.ok(share.units < limits.envelopeUnits + limits.envelopeQuestionUnits)
})

test('what waits is bounded in bytes, by a whole share and one message of the link in hand', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ bytes: fc.nat(limits.nodeMessageBytes), isAsk: fc.boolean() }), { maxLength: 40 }),
      fc.array(fc.nat(5), { maxLength: 60 }),
      (links, takes) => {
        const { fill, take, envelopes, share } = mailbox()
        for (const [index, { bytes, isAsk }] of links.entries()) {
          fill(`${index}`, { bytes, ...(isAsk && { ask: 'q' }) })
          take(takes[index] ?? 0)
          const last = unitsOf({ bytes: limits.nodeMessageBytes, ask: 'q' })
          assert.ok(share.units < limits.envelopeUnits + last, `${share.units} units`)
          assert.equal(
            share.units,
            envelopes.reduce((sum, envelope) => sum + unitsOf(envelope), 0),
          )
        }
        for (const more of takes) take(more)
        // Whatever the order, no link is forgotten while it waits.
        for (let n = 0; n < 2000; n++) take(1)
        const served = new Set(envelopes.map(({ link }) => link))
        assert.ok(served.size > 0 || links.length === 0)
      },
    ),
    { numRuns: 100 },
  )
})

test('a link that ends gives its place to those who wait', () => {
  const { share, fill, envelopes } = mailbox()
  fill('a', {})
  fill('b', {})
  assert.equal(envelopes.filter(({ link }) => link === 'b').length, 0, 'no room is left')
  share.left('a')
  for (const envelope of envelopes.splice(0)) share.taken(envelope.link, envelope)
  assert.ok(envelopes.some(({ link }) => link === 'b'))
})

test('a link that ends when its turn has come gives the turn to the next', () => {
  const woken: string[] = []
  const share = new MailboxShare<string>((link) => void woken.push(link))
  const large = { bytes: limits.envelopeUnits * limits.envelopeUnitBytes }
  share.queued('b', {})
  share.queued('c', {})
  share.queued('a', large)
  assert.equal(share.capacity('b') + share.capacity('c'), 0)
  share.taken('a', large)
  assert.deepEqual(woken, ['b'], 'one for each letter that leaves')
  share.left('b')
  assert.deepEqual(woken, ['b', 'c'])
})

test('over the budget of held frames the link whose frame began first is cut', () => {
  const cut: string[] = []
  const frames = new HeldBytes(100, 'frames')
  const holders = ['a', 'b', 'c'].map((name) => ({ cut: (): void => void cut.push(name) }))
  const [a, b, c] = holders as [(typeof holders)[0], (typeof holders)[0], (typeof holders)[0]]
  frames.holds(a, 40)
  frames.holds(b, 60)
  assert.deepEqual(cut, [])
  frames.holds(a, 41)
  assert.deepEqual(cut, ['a'], 'it is as old as its first byte')
  frames.holds(c, 40)
  frames.holds(b, 0)
  frames.holds(b, 60)
  frames.holds(b, 61)
  assert.deepEqual(cut, ['a', 'c'])
  frames.holds(c, 0)
  assert.equal(frames.bytes, 61)
})
