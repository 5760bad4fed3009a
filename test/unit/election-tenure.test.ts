import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommitOutcome } from '../../runtime/persistence/engine.js'
import { Seat } from './election-seat.js'

const LEASE_MS = 2500
const DEADLINE_MS = 2250
const ok: CommitOutcome = { kind: 'ok', position: { epoch: 5, seq: 9 } }

/** Elected into epoch 5 at 0 ms with the lock `v1`. */
function leading(): Seat {
  const seat = new Seat()
  seat.step({ kind: 'start' })
  seat.look(undefined)
  seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
  seat.win(5)
  seat.asked()
  return seat
}

const touched = (seat: Seat, outcome: CommitOutcome, sentAtMs = seat.nowMs) =>
  seat.step({ kind: 'touched', outcome, sentAtMs })

describe('renewal', () => {
  test('a touch every third of the lease, and the lock is extended only after it was OK', () => {
    const seat = leading()
    for (let round = 1; round <= 3; round++) {
      seat.advanceTo('renew')
      assert.equal(Math.round(seat.nowMs), Math.round((round * LEASE_MS) / 3))
      assert.deepEqual(seat.asked(), ['touch'])
      assert.deepEqual(seat.last('touch'), { kind: 'touch', fence: { epoch: 5, owner: 'me-1' }, lock: 'v1' })
      touched(seat, ok)
      assert.deepEqual(seat.asked(), ['extend'])
      seat.step({ kind: 'extended', held: true })
    }
  })

  test('refused or unknown: no extension, and the next renewal comes in time', () => {
    for (const outcome of [
      { kind: 'refused', code: 'STORE_UNAVAILABLE', reason: 'loading' },
      { kind: 'unknown', reason: 'time-out' },
    ] as const) {
      const seat = leading()
      seat.advanceTo('renew')
      touched(seat, outcome)
      seat.advanceTo('renew')
      assert.deepEqual(seat.asked(), ['touch', 'touch'])
      touched(seat, ok)
      assert.equal(seat.dueMs('deadline'), DEADLINE_MS)
      assert.deepEqual(seat.told, ['ElectedLeader'])
    }
  })

  test('a touch that has not been answered is not doubled', () => {
    const seat = leading()
    seat.advanceTo('renew')
    seat.advanceTo('renew')
    assert.deepEqual(seat.asked(), ['touch'])
  })

  test('lock lost, touch OK: it leads on, and takes the lock again when it is free', () => {
    const seat = leading()
    seat.advanceTo('renew')
    touched(seat, ok)
    seat.step({ kind: 'extended', held: false })
    assert.equal(seat.core.lock, '')
    seat.advanceTo('renew')
    assert.equal(seat.last('touch')!.lock, '')
    touched(seat, ok)
    assert.equal(seat.asked().at(-1), 'acquire')
    seat.step({ kind: 'acquired', ticket: 0, value: undefined })
    seat.advanceTo('renew')
    touched(seat, ok)
    seat.step({ kind: 'acquired', ticket: 0, value: 'v2' })
    assert.equal(seat.core.lock, 'v2')
    seat.advanceTo('renew')
    touched(seat, ok)
    assert.deepEqual(seat.last('extend'), { kind: 'extend', value: 'v2' })
    assert.deepEqual(seat.told, ['ElectedLeader'])
    assert.deepEqual(seat.released, [])
  })

  test('too few lock servers answer: the lock may still be held, and is extended again', () => {
    const seat = leading()
    seat.advanceTo('renew')
    touched(seat, ok)
    seat.step({ kind: 'extended', held: undefined })
    assert.equal(seat.core.lock, 'v1')
    seat.advanceTo('renew')
    touched(seat, ok)
    assert.equal(seat.asked().at(-1), 'extend')
  })
})

describe('the deadline', () => {
  test('is counted from when the last OK was sent, and passes without asking anybody', () => {
    const seat = leading()
    seat.advanceTo('renew')
    const sentAtMs = seat.nowMs
    seat.advance(400)
    touched(seat, ok, sentAtMs)
    assert.equal(Math.round(seat.dueMs('deadline')!), DEADLINE_MS - 400)
    seat.step({ kind: 'extended', held: true })
    seat.asked()
    seat.advanceTo('deadline')
    assert.deepEqual(seat.asked(), [])
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.deepEqual(seat.released, ['v1'])
    assert.equal(seat.dueMs('renew'), undefined)
  })

  test('a commit of the lane confirms as well', () => {
    const seat = leading()
    seat.advance(1000)
    seat.message({ type: 'LeadershipConfirmed', sentAtMs: 900 })
    seat.advanceTo('deadline')
    assert.equal(seat.nowMs, DEADLINE_MS)
    assert.deepEqual(seat.told, ['ElectedLeader'])
    assert.equal(seat.core.mayAct(seat.nowMs), true)
    seat.advanceTo('deadline')
    assert.equal(seat.nowMs, 900 + DEADLINE_MS)
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
  })

  test('an answer to what was sent before brings it no earlier', () => {
    const seat = leading()
    seat.advance(1000)
    seat.message({ type: 'LeadershipConfirmed', sentAtMs: 900 })
    seat.message({ type: 'LeadershipConfirmed', sentAtMs: 300 })
    assert.equal(seat.core.mayAct(900 + DEADLINE_MS - 1), true)
    assert.equal(seat.core.mayAct(900 + DEADLINE_MS), false)
  })

  test('who wakes after it may not act, whatever the timers have come to', () => {
    const seat = leading()
    assert.equal(seat.core.mayAct(DEADLINE_MS - 1), true)
    assert.equal(seat.core.mayAct(DEADLINE_MS), false)
  })

  for (const [name, wake] of Object.entries<(seat: Seat) => unknown>({
    'a renewal': (seat) => seat.step({ kind: 'timer', key: 'renew' }),
    'a touch that was OK': (seat) => touched(seat, ok, 2000),
    'a confirmation': (seat) => seat.message({ type: 'LeadershipConfirmed', sentAtMs: 2000 }),
    'an extension': (seat) => seat.step({ kind: 'extended', held: true }),
  })) {
    test(`who wakes after it revokes before anything else: ${name}`, () => {
      const seat = leading()
      seat.advance(DEADLINE_MS)
      wake(seat)
      assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
      assert.deepEqual(seat.asked(), [])
    })
  }

  test('what comes with the waking is not forgotten: an epoch, a lock, a wish to resign', () => {
    const lost = leading()
    lost.advance(DEADLINE_MS)
    lost.message({ type: 'LeadershipLost', reason: 'stale', heardEpoch: 8 })
    assert.deepEqual(lost.core.heard, { epoch: 8, seq: 0 })
    const locked = leading()
    locked.advance(DEADLINE_MS)
    locked.step({ kind: 'acquired', ticket: 0, value: 'v2' })
    assert.deepEqual(locked.released, ['v1', 'v2'])
    const resigning = leading()
    resigning.advance(DEADLINE_MS)
    resigning.message({ type: 'ResignLeadership' })
    assert.equal(resigning.count('resigned'), 1)
  })
})

describe('the end of a leadership', () => {
  for (const outcome of [
    { kind: 'deposed', epoch: 9, owner: 'x' },
    { kind: 'rewound', position: { epoch: 4, seq: 0 }, mark: '' },
    { kind: 'failed', reason: 'fsync' },
  ] as const) {
    test(`a touch answered ${outcome.kind} ends it at once`, () => {
      const seat = leading()
      seat.advanceTo('renew')
      touched(seat, outcome)
      assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
      assert.deepEqual(seat.released, ['v1'])
    })
  }

  test('the next elect is above the epoch that deposed it', () => {
    const seat = leading()
    seat.advanceTo('renew')
    touched(seat, { kind: 'deposed', epoch: 9, owner: 'x' })
    assert.equal(seat.core.heard.epoch, 9)
  })

  test('LeadershipLost ends it, once; after that it only lets go of what comes late', () => {
    const seat = leading()
    seat.message({ type: 'LeadershipLost', reason: 'a peer has seen epoch 7', heardEpoch: 7 })
    seat.message({ type: 'LeadershipLost', reason: 'again', heardEpoch: 8 })
    seat.step({ kind: 'timer', key: 'renew' })
    seat.step({ kind: 'timer', key: 'deadline' })
    touched(seat, ok)
    seat.step({ kind: 'acquired', ticket: 0, value: 'v2' })
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.deepEqual(seat.released, ['v1', 'v2'])
    assert.deepEqual(seat.asked(), [])
    assert.deepEqual(seat.core.heard, { epoch: 8, seq: 0 })
    assert.equal(seat.core.mayAct(seat.nowMs), false)
  })
})

describe('resigning', () => {
  test('leave, then release, then Revoked, and only then is it done', () => {
    const seat = leading()
    seat.message({ type: 'ResignLeadership' })
    assert.deepEqual(seat.asked(), ['leave'])
    assert.deepEqual(seat.released, [])
    seat.step({ kind: 'left' })
    assert.deepEqual(seat.released, ['v1'])
    assert.deepEqual(seat.told, ['ElectedLeader'])
    seat.step({ kind: 'released', ticket: 0 })
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(seat.count('resigned'), 1)
    assert.deepEqual(seat.released, ['v1'])
  })

  test('the lock is not taken again meanwhile', () => {
    const seat = leading()
    seat.advanceTo('renew')
    seat.asked()
    seat.message({ type: 'ResignLeadership' })
    touched(seat, ok)
    seat.advanceTo('renew')
    assert.deepEqual(seat.asked(), ['leave'])
    seat.step({ kind: 'left' })
    seat.step({ kind: 'acquired', ticket: 0, value: 'late' })
    seat.step({ kind: 'released', ticket: 0 })
    assert.deepEqual(seat.released, ['v1', 'late'])
  })

  test('asked twice, it is done once', () => {
    const seat = leading()
    seat.message({ type: 'ResignLeadership' })
    seat.message({ type: 'ResignLeadership' })
    assert.deepEqual(seat.asked(), ['leave'])
  })

  test('without an answer the deadline ends it', () => {
    const seat = leading()
    seat.message({ type: 'ResignLeadership' })
    seat.advanceTo('deadline')
    assert.deepEqual(seat.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(seat.count('resigned'), 1)
  })
})
