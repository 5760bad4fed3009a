import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hearsay, LAST_EPOCH } from '../../actors/election/hearsay.js'
import { limits } from '../../runtime/limits.js'
import { owner, RIVAL, Seat } from './election-seat.js'

/* What a peer says of epochs proves nothing: how far it is believed, and how often it has any effect. */

const ABSURD = Number.MAX_SAFE_INTEGER - 1
const claim = (epoch: number) => ({ type: 'LeadershipClaimed', epoch }) as const

describe('how far the word of a peer is believed', () => {
  test('up to epochRise above what this process has read from the store, and no further', () => {
    const hearsay = new Hearsay()
    hearsay.know({ epoch: 7, seq: 3 })
    assert.equal(hearsay.claim({ epoch: 7 + limits.epochRise + 1, seq: 0 }), false)
    assert.deepEqual(hearsay.heard, { epoch: 7, seq: 3 })
    assert.equal(hearsay.claim({ epoch: 7 + limits.epochRise, seq: 0 }), true)
    assert.equal(hearsay.heard.epoch, 7 + limits.epochRise)
  })

  test('claims do not add up: what is believed is counted from the store alone', () => {
    const hearsay = new Hearsay()
    for (let n = 1; n <= 10; n++) hearsay.claim({ epoch: n * limits.epochRise, seq: 0 })
    assert.equal(hearsay.heard.epoch, limits.epochRise)
    assert.equal(hearsay.known.epoch, 0)
  })

  test('never past the last epoch that can be counted', () => {
    const hearsay = new Hearsay({ epoch: LAST_EPOCH - 1, seq: 0 })
    assert.equal(hearsay.claim({ epoch: LAST_EPOCH + 1, seq: 0 }), false)
    assert.ok(Number.isSafeInteger(hearsay.heard.epoch + 1))
  })
})

describe('a candidate', () => {
  const standingBy = (parts: ConstructorParameters<typeof Seat>[0] = {}) => {
    const seat = new Seat(parts)
    seat.step({ kind: 'start' })
    seat.look(owner(), { lockMs: 2000 })
    seat.asked()
    return seat
  }

  test('is elected just above the store, whatever was said', () => {
    const seat = standingBy()
    seat.hear({ epoch: ABSURD, seq: 1 })
    seat.message(claim(ABSURD))
    seat.advanceTo('claim')
    seat.look(owner({ left: true }))
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    assert.equal(seat.last('elect')!.heardEpoch, 4)
    assert.equal(seat.logs.filter((text) => text.includes('not believed')).length, 1)
  })

  test('looks at the store, and at most every claimLookMs', () => {
    const seat = standingBy()
    seat.advance(1)
    for (let n = 0; n < 1000; n++) seat.message(claim(9))
    assert.deepEqual(seat.asked(), [])
    assert.equal(seat.dueMs('claim'), limits.claimLookMs - 1)
    seat.advanceTo('claim')
    assert.deepEqual(seat.asked(), ['look'])
  })

  test('tells the Master who leads by the record, once for each leader', () => {
    const seat = standingBy()
    for (const record of [owner(), owner({ epoch: 5, owner: 'm3-1' })]) {
      seat.advanceTo('campaign')
      seat.look(record, { lockMs: 2000 })
    }
    const seen = seat.effects.flatMap((effect) =>
      effect.kind === 'tellMaster' && effect.message.type === 'LeaderRecordSeen'
        ? [effect.message.owner]
        : [],
    )
    assert.deepEqual(seen, [RIVAL, 'm3-1'])
  })

  test('waits for an image on the word of others once in claimDoubtMs, over its lives', () => {
    const hearsay = new Hearsay()
    const first = new Seat({ hearsay })
    first.hear({ epoch: 4, seq: 99 })
    first.step({ kind: 'start' })
    first.look(owner({ left: true }))
    assert.equal(first.dueMs('campaign'), 3000)
    first.advanceTo('campaign')
    first.look(owner({ left: true }))
    assert.equal(first.asked().at(-1), 'acquire')
    const second = new Seat({ hearsay })
    second.advance(limits.claimDoubtMs - 1)
    second.step({ kind: 'start' })
    second.hear({ epoch: 4, seq: 100 })
    second.look(owner({ left: true }))
    assert.equal(second.asked().at(-1), 'acquire')
  })

  test('that has itself seen the store higher waits each time', () => {
    const hearsay = new Hearsay({ epoch: 4, seq: 99 })
    for (let n = 0; n < 2; n++) {
      const seat = new Seat({ hearsay })
      seat.step({ kind: 'start' })
      seat.look(owner({ left: true }))
      assert.equal(seat.dueMs('campaign'), 3000)
    }
  })
})

describe('a leader', () => {
  const leading = (hearsay = new Hearsay(), found = owner({ left: true })) => {
    const seat = new Seat({ hearsay })
    seat.step({ kind: 'start' })
    seat.look(found)
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    seat.win(found.epoch + 1)
    seat.asked()
    return seat
  }
  const touched = (seat: Seat) =>
    seat.step({
      kind: 'touched',
      outcome: { kind: 'ok', position: { epoch: 5, seq: 9 } },
      sentAtMs: seat.nowMs,
    })
  /** Renews until its store cannot have forgotten what a living Worker still tells. */
  const seasoned = () => {
    const seat = leading()
    for (let at = 0; at < limits.claimBeliefMs; at += 800) {
      seat.advance(800)
      seat.step({ kind: 'timer', key: 'renew' })
      touched(seat)
    }
    seat.asked()
    return seat
  }

  test('just elected: steps down once, to be elected above what its store may have forgotten', () => {
    const hearsay = new Hearsay()
    const seat = leading(hearsay)
    seat.message(claim(9))
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(hearsay.heard.epoch, 9)
    const next = leading(hearsay, owner({ epoch: 10, left: true }))
    next.message(claim(30))
    assert.deepEqual(next.told, ['ElectedLeader'])
  })

  test('just elected: not for an epoch that cannot be', () => {
    const seat = leading()
    seat.message(claim(ABSURD))
    assert.deepEqual(seat.told, ['ElectedLeader'])
  })

  test('in office: asks the store at most every claimLookMs, and leads on as it says so', () => {
    const seat = seasoned()
    seat.advance(limits.claimLookMs)
    for (let n = 0; n < 1000; n++) {
      seat.message(claim(6 + n))
      touched(seat)
    }
    assert.equal(seat.asked().filter((kind) => kind === 'touch').length, 1)
    assert.deepEqual(seat.told, ['ElectedLeader'])
  })

  test('in office: the store says that another leads, and that ends it', () => {
    const seat = seasoned()
    seat.advance(limits.claimLookMs)
    seat.message(claim(6))
    const outcome = { kind: 'deposed', epoch: 6, owner: RIVAL } as const
    seat.step({ kind: 'touched', outcome, sentAtMs: seat.nowMs })
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
  })
})
