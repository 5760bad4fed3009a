import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommitOutcome } from '../../runtime/persistence/engine.js'
import { CandidateFixture } from './election-candidate.js'

const LEASE_MS = 2500
const DEADLINE_MS = 2250
const ok: CommitOutcome = { kind: 'ok', position: { epoch: 5, seq: 9 } }

/** Elected into epoch 5 at 0 ms with the lock `v1`. */
function leading(): CandidateFixture {
  const candidate = new CandidateFixture()
  candidate.step({ kind: 'start' })
  candidate.look(undefined)
  candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
  candidate.win(5)
  candidate.asked()
  return candidate
}

const touched = (candidate: CandidateFixture, outcome: CommitOutcome, sentAtMs = candidate.nowMs) =>
  candidate.step({ kind: 'touched', outcome, sentAtMs })

describe('renewal', () => {
  test('a touch every third of the lease, and the lock is extended only after it was OK', () => {
    const candidate = leading()
    for (let round = 1; round <= 3; round++) {
      candidate.advanceTo('renew')
      assert.equal(Math.round(candidate.nowMs), Math.round((round * LEASE_MS) / 3))
      assert.deepEqual(candidate.asked(), ['touch'])
      assert.deepEqual(candidate.last('touch'), {
        kind: 'touch',
        fence: { epoch: 5, owner: 'me-1' },
        lock: 'v1',
      })
      touched(candidate, ok)
      assert.deepEqual(candidate.asked(), ['extend'])
      candidate.step({ kind: 'extended', held: true })
    }
  })

  test('refused or unknown: no extension, and the next renewal comes in time', () => {
    for (const outcome of [
      { kind: 'refused', code: 'STORE_UNAVAILABLE', reason: 'loading' },
      { kind: 'unknown', reason: 'time-out' },
    ] as const) {
      const candidate = leading()
      candidate.advanceTo('renew')
      touched(candidate, outcome)
      candidate.advanceTo('renew')
      assert.deepEqual(candidate.asked(), ['touch', 'touch'])
      touched(candidate, ok)
      assert.equal(candidate.dueMs('deadline'), DEADLINE_MS)
      assert.deepEqual(candidate.told, ['ElectedLeader'])
    }
  })

  test('a touch that has not been answered is not doubled', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    candidate.advanceTo('renew')
    assert.deepEqual(candidate.asked(), ['touch'])
  })

  test('lock lost, touch OK: it leads on, and takes the lock again when it is free', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    touched(candidate, ok)
    candidate.step({ kind: 'extended', held: false })
    assert.equal(candidate.core.lock, '')
    candidate.advanceTo('renew')
    assert.equal(candidate.last('touch')!.lock, '')
    touched(candidate, ok)
    assert.equal(candidate.asked().at(-1), 'acquire')
    candidate.step({ kind: 'acquired', ticket: 0, value: undefined })
    candidate.advanceTo('renew')
    touched(candidate, ok)
    candidate.step({ kind: 'acquired', ticket: 0, value: 'v2' })
    assert.equal(candidate.core.lock, 'v2')
    candidate.advanceTo('renew')
    touched(candidate, ok)
    assert.deepEqual(candidate.last('extend'), { kind: 'extend', value: 'v2' })
    assert.deepEqual(candidate.told, ['ElectedLeader'])
    assert.deepEqual(candidate.released, [])
  })

  test('too few lock servers answer: the lock may still be held, and is extended again', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    touched(candidate, ok)
    candidate.step({ kind: 'extended', held: undefined })
    assert.equal(candidate.core.lock, 'v1')
    candidate.advanceTo('renew')
    touched(candidate, ok)
    assert.equal(candidate.asked().at(-1), 'extend')
  })
})

describe('the deadline', () => {
  test('is counted from when the last OK was sent, and passes without asking anybody', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    const sentAtMs = candidate.nowMs
    candidate.advance(400)
    touched(candidate, ok, sentAtMs)
    assert.equal(Math.round(candidate.dueMs('deadline')!), DEADLINE_MS - 400)
    candidate.step({ kind: 'extended', held: true })
    candidate.asked()
    candidate.advanceTo('deadline')
    assert.deepEqual(candidate.asked(), [])
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.deepEqual(candidate.released, ['v1'])
    assert.equal(candidate.dueMs('renew'), undefined)
  })

  test('a commit confirms as well', () => {
    const candidate = leading()
    candidate.advance(1000)
    candidate.message({ type: 'LeadershipConfirmed', sentAtMs: 900 })
    candidate.advanceTo('deadline')
    assert.equal(candidate.nowMs, DEADLINE_MS)
    assert.deepEqual(candidate.told, ['ElectedLeader'])
    assert.equal(candidate.core.mayAct(candidate.nowMs), true)
    candidate.advanceTo('deadline')
    assert.equal(candidate.nowMs, 900 + DEADLINE_MS)
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
  })

  test('an answer to what was sent before brings it no earlier', () => {
    const candidate = leading()
    candidate.advance(1000)
    candidate.message({ type: 'LeadershipConfirmed', sentAtMs: 900 })
    candidate.message({ type: 'LeadershipConfirmed', sentAtMs: 300 })
    assert.equal(candidate.core.mayAct(900 + DEADLINE_MS - 1), true)
    assert.equal(candidate.core.mayAct(900 + DEADLINE_MS), false)
  })

  test('who wakes after it may not act, whatever the timers have come to', () => {
    const candidate = leading()
    assert.equal(candidate.core.mayAct(DEADLINE_MS - 1), true)
    assert.equal(candidate.core.mayAct(DEADLINE_MS), false)
  })

  for (const [name, wake] of Object.entries<(candidate: CandidateFixture) => unknown>({
    'a renewal': (candidate) => candidate.step({ kind: 'timer', key: 'renew' }),
    'a touch that was OK': (candidate) => touched(candidate, ok, 2000),
    'a confirmation': (candidate) => candidate.message({ type: 'LeadershipConfirmed', sentAtMs: 2000 }),
    'an extension': (candidate) => candidate.step({ kind: 'extended', held: true }),
  })) {
    test(`who wakes after it revokes before anything else: ${name}`, () => {
      const candidate = leading()
      candidate.advance(DEADLINE_MS)
      wake(candidate)
      assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
      assert.deepEqual(candidate.asked(), [])
    })
  }

  test('what comes with the waking is not forgotten: an epoch, a lock, a wish to resign', () => {
    const lost = leading()
    lost.advance(DEADLINE_MS)
    lost.message({ type: 'LeadershipLost', reason: 'stale', observedEpoch: 8 })
    assert.deepEqual(lost.core.observed, { epoch: 8, seq: 0 })
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
    { kind: 'rewound', position: { epoch: 4, seq: 0 }, writeId: '' },
    { kind: 'failed', reason: 'fsync' },
  ] as const) {
    test(`a touch answered ${outcome.kind} ends it at once`, () => {
      const candidate = leading()
      candidate.advanceTo('renew')
      touched(candidate, outcome)
      assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
      assert.deepEqual(candidate.released, ['v1'])
    })
  }

  test('the next elect is above the epoch that deposed it', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    touched(candidate, { kind: 'deposed', epoch: 9, owner: 'x' })
    assert.equal(candidate.core.observed.epoch, 9)
  })

  test('LeadershipLost ends it, once; after that it only lets go of what comes late', () => {
    const candidate = leading()
    candidate.message({ type: 'LeadershipLost', reason: 'a peer has seen epoch 7', observedEpoch: 7 })
    candidate.message({ type: 'LeadershipLost', reason: 'again', observedEpoch: 8 })
    candidate.step({ kind: 'timer', key: 'renew' })
    candidate.step({ kind: 'timer', key: 'deadline' })
    touched(candidate, ok)
    candidate.step({ kind: 'acquired', ticket: 0, value: 'v2' })
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.deepEqual(candidate.released, ['v1', 'v2'])
    assert.deepEqual(candidate.asked(), [])
    assert.deepEqual(candidate.core.observed, { epoch: 8, seq: 0 })
    assert.equal(candidate.core.mayAct(candidate.nowMs), false)
  })
})

describe('resigning', () => {
  test('leave, then release, and what the store has recorded is over before the lock is free', () => {
    const candidate = leading()
    candidate.message({ type: 'ResignLeadership' })
    assert.deepEqual(candidate.asked(), ['leave'])
    assert.deepEqual(candidate.released, [])
    assert.equal(candidate.core.mayAct(candidate.nowMs), true)
    candidate.step({ kind: 'left', isRecorded: true })
    assert.deepEqual(candidate.released, ['v1'])
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(candidate.core.mayAct(candidate.nowMs), false)
    assert.equal(candidate.count('resigned'), 1)
    candidate.step({ kind: 'released', ticket: 0 })
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(candidate.count('resigned'), 1)
    assert.deepEqual(candidate.released, ['v1'])
  })

  test('where the store could not be told: leave, then release, then Revoked, and only then is it done', () => {
    const candidate = leading()
    candidate.message({ type: 'ResignLeadership' })
    candidate.step({ kind: 'left', isRecorded: false })
    assert.deepEqual(candidate.released, ['v1'])
    assert.deepEqual(candidate.told, ['ElectedLeader'])
    candidate.step({ kind: 'released', ticket: 0 })
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(candidate.count('resigned'), 1)
    assert.deepEqual(candidate.released, ['v1'])
  })

  test('the lock is not taken again meanwhile', () => {
    const candidate = leading()
    candidate.advanceTo('renew')
    candidate.asked()
    candidate.message({ type: 'ResignLeadership' })
    touched(candidate, ok)
    candidate.advanceTo('renew')
    assert.deepEqual(candidate.asked(), ['leave'])
    candidate.step({ kind: 'left', isRecorded: false })
    candidate.step({ kind: 'acquired', ticket: 0, value: 'late' })
    candidate.step({ kind: 'released', ticket: 0 })
    assert.deepEqual(candidate.released, ['v1', 'late'])
  })

  test('asked twice, it is done once', () => {
    const candidate = leading()
    candidate.message({ type: 'ResignLeadership' })
    candidate.message({ type: 'ResignLeadership' })
    assert.deepEqual(candidate.asked(), ['leave'])
  })

  test('without an answer the deadline ends it', () => {
    const candidate = leading()
    candidate.message({ type: 'ResignLeadership' })
    candidate.advanceTo('deadline')
    assert.deepEqual(candidate.told, ['ElectedLeader', 'RevokedLeadership'])
    assert.equal(candidate.count('resigned'), 1)
  })
})
