import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hearsay, LAST_EPOCH } from '../../actors/election/hearsay.js'
import { limits } from '../../runtime/limits.js'
import { CandidateFixture, owner, RIVAL } from './election-candidate.js'

/* What a peer says of epochs proves nothing: how far it is believed, and how often it has any effect. */

const ABSURD = Number.MAX_SAFE_INTEGER - 1
const claim = (epoch: number) => ({ type: 'LeadershipClaimed', epoch }) as const

describe('how far the word of a peer is believed', () => {
  test('up to epochRise above what this process has read from the store, and no further', () => {
    const hearsay = new Hearsay()
    hearsay.know({ epoch: 7, seq: 3 })
    assert.equal(hearsay.claim({ epoch: 7 + limits.epochRise + 1, seq: 0 }), false)
    assert.deepEqual(hearsay.observed, { epoch: 7, seq: 3 })
    assert.equal(hearsay.claim({ epoch: 7 + limits.epochRise, seq: 0 }), true)
    assert.equal(hearsay.observed.epoch, 7 + limits.epochRise)
  })

  test('claims do not add up: what is believed is counted from the store alone', () => {
    const hearsay = new Hearsay()
    for (let n = 1; n <= 10; n++) hearsay.claim({ epoch: n * limits.epochRise, seq: 0 })
    assert.equal(hearsay.observed.epoch, limits.epochRise)
    assert.equal(hearsay.known.epoch, 0)
  })

  test('never past the last epoch that can be counted', () => {
    const hearsay = new Hearsay({ epoch: LAST_EPOCH - 1, seq: 0 })
    assert.equal(hearsay.claim({ epoch: LAST_EPOCH + 1, seq: 0 }), false)
    assert.ok(Number.isSafeInteger(hearsay.observed.epoch + 1))
  })
})

describe('a candidate', () => {
  const standingBy = (parts: ConstructorParameters<typeof CandidateFixture>[0] = {}) => {
    const candidate = new CandidateFixture(parts)
    candidate.step({ kind: 'start' })
    candidate.look(owner(), { lockMs: 2000 })
    candidate.asked()
    return candidate
  }

  test('is elected just above the store, whatever was said', () => {
    const candidate = standingBy()
    candidate.hear({ epoch: ABSURD, seq: 1 })
    candidate.message(claim(ABSURD))
    candidate.advanceTo('claim')
    candidate.look(owner({ left: true }))
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    assert.equal(candidate.last('elect')!.observedEpoch, 4)
    assert.equal(candidate.logs.filter((text) => text.includes('not believed')).length, 1)
  })

  test('looks at the store, and at most every claimLookMs', () => {
    const candidate = standingBy()
    candidate.advance(1)
    for (let n = 0; n < 1000; n++) candidate.message(claim(9))
    assert.deepEqual(candidate.asked(), [])
    assert.equal(candidate.dueMs('claim'), limits.claimLookMs - 1)
    candidate.advanceTo('claim')
    assert.deepEqual(candidate.asked(), ['look'])
  })

  test('tells the Master who leads by the record, once for each leader', () => {
    const candidate = standingBy()
    for (const record of [owner(), owner({ epoch: 5, owner: 'm3-1' })]) {
      candidate.advanceTo('campaign')
      candidate.look(record, { lockMs: 2000 })
    }
    const seen = candidate.effects.flatMap((effect) =>
      effect.kind === 'tellMaster' && effect.message.type === 'LeaderRecordSeen'
        ? [effect.message.owner]
        : [],
    )
    assert.deepEqual(seen, [RIVAL, 'm3-1'])
  })

  test('waits for a record cache on the word of others once in claimDoubtMs, over its incarnations', () => {
    const hearsay = new Hearsay()
    const first = new CandidateFixture({ hearsay })
    first.hear({ epoch: 4, seq: 99 })
    first.step({ kind: 'start' })
    first.look(owner({ left: true }))
    assert.equal(first.dueMs('campaign'), 3000)
    first.advanceTo('campaign')
    first.look(owner({ left: true }))
    assert.equal(first.asked().at(-1), 'acquire')
    const second = new CandidateFixture({ hearsay })
    second.advance(limits.claimDoubtMs - 1)
    second.step({ kind: 'start' })
    second.hear({ epoch: 4, seq: 100 })
    second.look(owner({ left: true }))
    assert.equal(second.asked().at(-1), 'acquire')
  })

  test('that has itself seen the store higher waits each time', () => {
    const hearsay = new Hearsay({ epoch: 4, seq: 99 })
    for (let n = 0; n < 2; n++) {
      const candidate = new CandidateFixture({ hearsay })
      candidate.step({ kind: 'start' })
      candidate.look(owner({ left: true }))
      assert.equal(candidate.dueMs('campaign'), 3000)
    }
  })
})

describe('a leader', () => {
  const leading = (hearsay = new Hearsay(), found = owner({ left: true })) => {
    const candidate = new CandidateFixture({ hearsay })
    candidate.step({ kind: 'start' })
    candidate.look(found)
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    candidate.win(found.epoch + 1)
    candidate.asked()
    return candidate
  }
  const touched = (candidate: CandidateFixture) =>
    candidate.step({
      kind: 'touched',
      outcome: { kind: 'ok', position: { epoch: 5, seq: 9 } },
      sentAtMs: candidate.nowMs,
    })
  /** Renews until its store cannot have forgotten what a living Worker still tells. */
  const seasoned = () => {
    const candidate = leading()
    for (let at = 0; at < limits.claimBeliefMs; at += 800) {
      candidate.advance(800)
      candidate.step({ kind: 'timer', key: 'renew' })
      touched(candidate)
    }
    candidate.asked()
    return candidate
  }

  test('just elected: steps down once, to be elected above what its store may have forgotten', () => {
    const hearsay = new Hearsay()
    const candidate = leading(hearsay)
    candidate.message(claim(9))
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(hearsay.observed.epoch, 9)
    const next = leading(hearsay, owner({ epoch: 10, left: true }))
    next.message(claim(30))
    assert.deepEqual(next.told, ['ElectedLeader'])
  })

  test('just elected: not for an epoch that cannot be', () => {
    const candidate = leading()
    candidate.message(claim(ABSURD))
    assert.deepEqual(candidate.told, ['ElectedLeader'])
  })

  test('in office: asks the store at most every claimLookMs, and leads on as it says so', () => {
    const candidate = seasoned()
    candidate.advance(limits.claimLookMs)
    for (let n = 0; n < 1000; n++) {
      candidate.message(claim(6 + n))
      touched(candidate)
    }
    assert.equal(candidate.asked().filter((kind) => kind === 'touch').length, 1)
    assert.deepEqual(candidate.told, ['ElectedLeader'])
  })

  test('in office: the store says that another leads, and that ends it', () => {
    const candidate = seasoned()
    candidate.advance(limits.claimLookMs)
    candidate.message(claim(6))
    const outcome = { kind: 'deposed', epoch: 6, owner: RIVAL } as const
    candidate.step({ kind: 'touched', outcome, sentAtMs: candidate.nowMs })
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
  })
})
