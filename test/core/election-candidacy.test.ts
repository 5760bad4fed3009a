import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Hearsay } from '../../actors/election/hearsay.js'
import { CandidateFixture, EARLY, type Owner, owner, RIVAL } from './election-candidate.js'

const LEASE_MS = 2500

const started = (parts: ConstructorParameters<typeof CandidateFixture>[0] = {}) => {
  const candidate = new CandidateFixture({ connectedAtMs: -2 * LEASE_MS, ...parts })
  candidate.step({ kind: 'start' })
  return candidate
}

describe('when a candidate tries', () => {
  const at = (record: Owner | undefined, lockMs = 0, parts = {}) => {
    const candidate = started(parts)
    candidate.look(record, { lockMs })
    return candidate
  }

  test('no owner, an owner that left, its own name after a lost answer: at once', () => {
    for (const record of [undefined, owner({ left: true }), owner({ owner: 'me-1' })]) {
      assert.deepEqual(at(record, 1700).asked(), ['acquire'], JSON.stringify(record))
    }
  })

  test('a lock that is held: when it runs out, 0 to 50 ms later, and then it looks again', () => {
    for (const [random, ms] of [
      [0, 1700],
      [0.98, 1749],
    ] as const) {
      const candidate = at(owner(), 1700, { random })
      assert.deepEqual(candidate.asked(), [])
      assert.equal(candidate.dueMs('campaign'), ms)
      candidate.advanceTo('campaign')
      assert.deepEqual(candidate.asked(), ['look'])
      candidate.look(owner(), { lockMs: 0 })
      assert.deepEqual(candidate.asked(), ['acquire'])
    }
  })

  test('a leader that renews is never tried', () => {
    const candidate = at(owner(), 2400)
    for (let i = 0; i < 10; i++) {
      candidate.advanceTo('campaign')
      assert.deepEqual(candidate.asked(), ['look'])
      candidate.look(owner(), { lockMs: 1800 })
    }
    assert.deepEqual(candidate.asked(), [])
  })

  test('a look that fails is repeated, and logged once per cause', () => {
    const candidate = started()
    for (let i = 0; i < 5; i++) {
      candidate.step({
        kind: 'lookFailed',
        ticket: candidate.ticket('look'),
        reason: 'away',
        unrecoverable: false,
      })
      candidate.advanceTo('campaign')
    }
    assert.equal(candidate.logs.length, 1)
    candidate.step({
      kind: 'lookFailed',
      ticket: candidate.ticket('look'),
      reason: 'not ours',
      unrecoverable: true,
    })
    assert.equal(candidate.has('unrecoverable'), true)
    assert.equal(candidate.dueMs('campaign'), undefined)
  })
})

describe('an attempt', () => {
  const acquiring = () => {
    const candidate = started()
    candidate.look(undefined)
    return candidate
  }
  const electing = () => {
    const candidate = acquiring()
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    return candidate
  }

  test('elects with what was read before the lock was asked for', () => {
    const candidate = started()
    candidate.look(owner({ epoch: 7, left: true }))
    candidate.hear({ epoch: 9, seq: 3 })
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    const { seen, lock, observedEpoch } = candidate.last('elect')!
    assert.deepEqual(
      { seen, lock, observedEpoch },
      { seen: { epoch: 7, owner: RIVAL }, lock: 'v1', observedEpoch: 9 },
    )
  })

  test('won from another: where that one found the store goes along', () => {
    const candidate = started()
    candidate.look(owner({ left: true, base: { epoch: 3, seq: 1 } }))
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    candidate.win(5)
    const { message } = candidate.last('tellMaster')!
    const base = { epoch: 3, seq: 1 }
    assert.deepEqual(message.type === 'ElectedLeader' && message.earlier, [{ epoch: 4, owner: RIVAL, base }])
  })

  test('of elections in a row the record remembers those that found the store lower than all after them', () => {
    const candidate = started()
    const at = (epoch: number, seq: number, by = 'm1') => ({
      epoch,
      owner: by,
      base: { epoch: epoch - 1, seq },
    })
    const earlier = [at(2, 5), at(4, 9), at(6, 9)]
    candidate.look(owner({ left: true, base: { epoch: 3, seq: 1 }, earlier }))
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    assert.deepEqual(candidate.last('elect')!.earlier, [at(2, 5), at(4, 1, RIVAL)])
  })

  test('won: the Master hears of it, with what was heard before', () => {
    const candidate = electing()
    candidate.win(5)
    assert.deepEqual(candidate.told, ['ElectedLeader'])
    assert.equal(candidate.core.lock, 'v1')
    assert.deepEqual(candidate.last('tellMaster')!.message, {
      type: 'ElectedLeader',
      epoch: 5,
      owner: 'me-1',
      base: { epoch: 4, seq: 9 },
      earlier: [],
      writeId: 'm',
      observed: { epoch: 0, seq: 0 },
      format: 1,
    })
    assert.deepEqual(candidate.core.observed, { epoch: 5, seq: 9 })
    assert.equal(candidate.has('release'), false)
  })

  test('it leads with the format of the store, and an empty store gets what is known of it', () => {
    const formats = { min: 1, max: 3 }
    const formatAfter = (prepare: (candidate: CandidateFixture) => void, hearsay = new Hearsay()): number => {
      const candidate = new CandidateFixture({ formats, hearsay })
      candidate.step({ kind: 'start' })
      prepare(candidate)
      candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
      // Heard too late: it is elected with what it has asked for.
      candidate.hear({ epoch: 2, seq: 0 })
      candidate.win(5)
      const { message } = candidate.last('tellMaster')!
      assert.equal(message.type === 'ElectedLeader' && message.format, candidate.last('elect')!.format)
      return candidate.last('elect')!.format
    }
    const empty = (candidate: CandidateFixture) => candidate.look(undefined)
    assert.equal(
      formatAfter((candidate) => candidate.look(owner({ left: true, format: 2 }))),
      2,
    )
    assert.equal(formatAfter(empty), 3, 'a new cluster')
    const told = new Hearsay()
    told.claim({ epoch: 4, seq: 1 })
    told.waits(0)
    assert.equal(formatAfter(empty, told), 1, 'a lost store: Masters of an older release may be there')
    const known = new Hearsay()
    known.format = 2
    assert.equal(formatAfter(empty, known), 2, 'a lost store that this process knew')
  })

  test('a raise of its own leadership is what the process knows of the store', () => {
    const hearsay = new Hearsay()
    const candidate = new CandidateFixture({ hearsay })
    candidate.step({ kind: 'start' })
    candidate.look(undefined)
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
    candidate.win(1)
    assert.equal(hearsay.format, 1)
    candidate.message({ type: 'FormatRaised', format: 2 })
    assert.equal(hearsay.format, 2)
  })

  test('acquire refused because another holds it: looks again soon', () => {
    const candidate = acquiring()
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: undefined })
    assert.ok(candidate.dueMs('campaign')! <= 100)
    assert.equal(candidate.dueMs('attempt'), undefined)
    candidate.advanceTo('campaign')
    assert.deepEqual(candidate.asked().at(-1), 'look')
  })

  test('no majority of lock servers: back-off of lease/2 +- 50 %', () => {
    for (const [random, ms] of [
      [0, LEASE_MS / 4],
      [0.5, LEASE_MS / 2],
    ] as const) {
      const candidate = started({ random })
      candidate.look(undefined)
      candidate.step({
        kind: 'acquired',
        ticket: candidate.ticket('acquire'),
        value: undefined,
        reason: 'two are dead',
      })
      assert.equal(candidate.dueMs('campaign'), ms)
    }
  })

  for (const outcome of [
    { kind: 'changed', epoch: 8, owner: 'x' },
    { kind: 'refused', code: 'STORE_UNAVAILABLE', reason: 'loading' },
    { kind: 'unknown', reason: 'time-out' },
  ] as const) {
    test(`elect answered ${outcome.kind}: the lock is released, back-off`, () => {
      const candidate = electing()
      candidate.step({ kind: 'elected', ticket: candidate.ticket('elect'), outcome, sentAtMs: 0 })
      assert.deepEqual(candidate.released, ['v1'])
      assert.equal(candidate.dueMs('campaign'), LEASE_MS / 2)
      assert.equal(candidate.dueMs('attempt'), undefined)
      assert.deepEqual(candidate.told, [])
    })
  }

  test('without an answer it ends after lease/4: the lock is released, late answers change nothing', () => {
    const candidate = electing()
    assert.equal(candidate.dueMs('attempt'), LEASE_MS / 4)
    const ticket = candidate.ticket('elect')
    candidate.advanceTo('attempt')
    assert.deepEqual(candidate.released, ['v1'])
    candidate.win(5, ticket)
    assert.deepEqual(candidate.told, [])
    // The record names it all the same: the next look finds that, and elects again.
    candidate.advanceTo('campaign')
    candidate.look(owner({ owner: 'me-1', epoch: 5 }), { lockMs: 2000 })
    assert.deepEqual(candidate.asked().at(-1), 'acquire')
  })

  test('a lock that comes after its attempt was given up is released', () => {
    const candidate = acquiring()
    const ticket = candidate.ticket('acquire')
    candidate.advanceTo('attempt')
    assert.deepEqual(candidate.released, [])
    candidate.step({ kind: 'acquired', ticket, value: 'late' })
    assert.deepEqual(candidate.released, ['late'])
    assert.equal(candidate.has('elect'), false)
  })

  test('resigned while it waits for the lock: what comes late is released', () => {
    const candidate = acquiring()
    candidate.message({ type: 'ResignLeadership' })
    assert.equal(candidate.has('resigned'), true)
    candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'late' })
    assert.deepEqual(candidate.released, ['late'])
    assert.equal(candidate.has('elect'), false)
  })
})

describe('early take-over', () => {
  /** Stands by beside a rival that holds the lock, then loses the link to it. */
  const bereaved = (record = owner({ lock: 'v0' })) => {
    const candidate = started()
    candidate.look(record, { lockMs: 2000 })
    candidate.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    candidate.look(record, { lockMs: 2000 })
    return candidate
  }

  test('with all three witnesses: the lock of the record is released, acquired, and it is elected at once', () => {
    for (const order of [
      ['probed', 'presence'],
      ['presence', 'probed'],
    ]) {
      const candidate = bereaved()
      assert.deepEqual(candidate.asked().slice(-2), ['probe', 'countPresence'])
      for (const witness of order) EARLY[witness as 'probed' | 'presence'](candidate)
      assert.equal(candidate.last('release')!.value, 'v0')
      assert.equal(candidate.dueMs('attempt'), LEASE_MS / 4)
      candidate.step({ kind: 'released', ticket: candidate.ticket('release') })
      assert.equal(candidate.asked().at(-1), 'acquire')
      assert.equal(candidate.nowMs, 0)
    }
  })

  test('presence is counted every 10 ms until it is 0, also if the probe was answered in between', () => {
    const candidate = bereaved()
    candidate.presence(1)
    EARLY.probed(candidate)
    assert.equal(candidate.dueMs('witness'), 10)
    candidate.advanceTo('witness')
    candidate.presence(1)
    candidate.advanceTo('witness')
    assert.equal(candidate.nowMs, 20)
    candidate.presence(0)
    assert.equal(candidate.last('release')?.value, 'v0')
  })

  test('witness 1 missing: a link that fell silent is no evidence, nor is that of another Master', () => {
    const candidate = started()
    candidate.look(owner(), { lockMs: 2000 })
    candidate.message({ type: 'MasterLinkClosed', incarnation: 'm3-7' })
    assert.deepEqual(candidate.asked(), [])
    candidate.advanceTo('campaign')
    assert.equal(candidate.nowMs >= 2000, true)
    assert.equal(candidate.has('countPresence'), false)
  })

  test('witness 2 false: the port answers: the evidence is spent, the lock is waited for', () => {
    const candidate = bereaved()
    candidate.presence(0)
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'alive' })
    candidate.advanceTo('campaign')
    candidate.look(owner({ lock: 'v0' }), { lockMs: 1900 })
    assert.deepEqual(candidate.released, [])
    assert.ok(candidate.dueMs('campaign')! >= 1900)
  })

  test('witness 2 unclear: a port that resets the connection is probed again, and found gone', () => {
    const candidate = bereaved()
    candidate.presence(0)
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'unknown' })
    candidate.advanceTo('probe')
    assert.equal(candidate.nowMs, 10)
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'gone' })
    assert.equal(candidate.last('release')?.value, 'v0')
  })

  test('witness 2 unclear for 300 ms: the evidence is spent, the lock is waited for', () => {
    const candidate = bereaved()
    candidate.presence(0)
    const unclear = () =>
      candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'unknown' })
    for (unclear(); candidate.nowMs < 300; unclear()) candidate.advanceTo('probe')
    candidate.advanceTo('campaign')
    candidate.look(owner({ lock: 'v0' }), { lockMs: 1600 })
    assert.deepEqual(candidate.released, [])
    assert.ok(candidate.dueMs('campaign')! >= 1600)
  })

  test('witness 2 missing: a port that does not answer within 300 ms', () => {
    const candidate = bereaved()
    candidate.presence(0)
    candidate.advanceTo('witness')
    assert.equal(candidate.nowMs, 300)
    EARLY.probed(candidate)
    candidate.advanceTo('campaign')
    candidate.look(owner(), { lockMs: 1700 })
    assert.deepEqual(candidate.released, [])
    assert.ok(candidate.dueMs('campaign')! >= 1700)
  })

  for (const count of [1, undefined]) {
    test(`witness 3 false: presence stays ${count ?? 'unknown'} for 300 ms`, () => {
      const candidate = bereaved()
      EARLY.probed(candidate)
      let counted = 0
      while (candidate.asked().at(-1) === 'countPresence') {
        counted++
        candidate.presence(count)
        candidate.advanceTo('witness')
      }
      assert.equal(counted, 30)
      candidate.advanceTo('campaign')
      candidate.look(owner(), { lockMs: 1700 })
      assert.deepEqual(candidate.released, [])
      assert.ok(candidate.dueMs('campaign')! >= 1700)
    })
  }

  test('evidence that was false once does not speak again until the link closes again', () => {
    const candidate = bereaved()
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'alive' })
    for (let i = 0; i < 3; i++) {
      candidate.advanceTo('campaign')
      candidate.look(owner(), { lockMs: 2000 })
    }
    assert.equal(candidate.count('probe'), 1)
    candidate.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    candidate.look(owner(), { lockMs: 2000 })
    assert.equal(candidate.count('probe'), 2)
  })

  test('our own address in the record: its former owner is gone once its presence is', () => {
    const candidate = started()
    candidate.look(owner({ address: 'firesteel://h:1', lock: 'v0' }), { lockMs: 2000 })
    assert.deepEqual(candidate.asked(), ['countPresence'])
    candidate.presence(0)
    assert.deepEqual(candidate.released, ['v0'])
  })

  test('a link that closes while it looks counts for that look', () => {
    const candidate = started()
    candidate.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    candidate.look(owner(), { lockMs: 2000 })
    assert.equal(candidate.has('probe'), true)
  })
})

describe('distrust of one lease after a (re)connection', () => {
  test('a free lock is not believed before a lease has passed', () => {
    const candidate = new CandidateFixture({ connectedAtMs: -500 })
    candidate.step({ kind: 'start' })
    candidate.look(owner(), { lockMs: 0 })
    // It asks the witnesses first, without a right to take over by them.
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'alive' })
    candidate.advanceTo('campaign')
    candidate.look(owner(), { lockMs: 0 })
    assert.equal(candidate.has('acquire'), false)
    candidate.advanceTo('campaign')
    assert.ok(candidate.nowMs >= LEASE_MS - 500)
    candidate.look(owner(), { lockMs: 0 })
    assert.equal(candidate.has('acquire'), true)
  })

  test('a reconnection begins it anew', () => {
    const candidate = started()
    candidate.look(owner(), { lockMs: 1000 })
    candidate.advance(900)
    candidate.step({ kind: 'reconnected' })
    candidate.advanceTo('campaign')
    candidate.look(owner(), { lockMs: 0 })
    assert.equal(candidate.has('acquire'), false)
    assert.equal(candidate.has('probe'), true)
  })

  test('lifted by witnesses 2 and 3: but a lock that is held is not released without witness 1', () => {
    for (const lockMs of [0, 1500]) {
      const candidate = new CandidateFixture({ connectedAtMs: 0 })
      candidate.step({ kind: 'start' })
      candidate.look(owner({ lock: 'v0' }), { lockMs })
      EARLY.probed(candidate)
      EARLY.presence(candidate)
      assert.deepEqual(candidate.released, [])
      candidate.look(owner({ lock: 'v0' }), { lockMs })
      assert.equal(candidate.has('acquire'), lockMs === 0)
      if (lockMs > 0) assert.equal(candidate.dueMs('campaign'), lockMs + 25)
    }
  })

  test('lifted by the record cache of the owner', () => {
    const candidate = new CandidateFixture({ connectedAtMs: 0 })
    candidate.step({ kind: 'start' })
    candidate.look(owner(), { lockMs: 0, recordCache: { epoch: 4, seq: 9 } })
    assert.deepEqual(candidate.asked(), ['acquire'])
  })

  test('neither with no owner nor after it left', () => {
    for (const record of [undefined, owner({ left: true })]) {
      const candidate = new CandidateFixture({ connectedAtMs: 0 })
      candidate.step({ kind: 'start' })
      candidate.look(record, { lockMs: 0 })
      assert.deepEqual(candidate.asked(), ['acquire'])
    }
  })
})

describe('a store that lost its last writes', () => {
  const above = { epoch: 4, seq: 12 }

  for (const [name, record] of [
    ['fell back', owner()],
    ['is empty', undefined],
    ['fell back to an owner that left', owner({ left: true })],
  ] as const) {
    test(`heard above what is stored (${name}): rewindPatience, counted from the first such look`, () => {
      const candidate = started({ received: above })
      candidate.look(record, { lockMs: 0 })
      assert.equal(candidate.dueMs('campaign'), 3000)
      candidate.advance(1000)
      candidate.message({ type: 'TakeOver' })
      candidate.look(record, { lockMs: 0 })
      assert.equal(candidate.dueMs('campaign'), 2000)
      candidate.advanceTo('campaign')
      candidate.look(record, { lockMs: 0 })
      assert.equal(candidate.asked().at(-1), 'acquire')
      candidate.step({ kind: 'acquired', ticket: candidate.ticket('acquire'), value: 'v1' })
      assert.equal(candidate.last('elect')!.observedEpoch, 4)
    })
  }

  test('a Master that holds the record cache does not wait, and counts it as observed', () => {
    const candidate = started({ received: above })
    candidate.look(owner(), { lockMs: 0, recordCache: { epoch: 4, seq: 13 } })
    assert.deepEqual(candidate.asked(), ['acquire'])
    assert.deepEqual(candidate.core.observed, { epoch: 4, seq: 13 })
  })

  test('a record cache below something observed, or below the store, is none', () => {
    for (const recordCache of [
      { epoch: 4, seq: 11 },
      { epoch: 3, seq: 50 },
    ]) {
      const candidate = started({ received: above })
      candidate.look(owner(), { lockMs: 0, recordCache })
      assert.equal(candidate.dueMs('campaign'), 3000)
    }
  })

  test('a store that has it again after all is believed', () => {
    const candidate = started({ received: above })
    candidate.look(owner(), { lockMs: 0 })
    candidate.advanceTo('campaign')
    candidate.look(owner({ seq: 12 }), { lockMs: 1000 })
    assert.equal(candidate.dueMs('campaign'), 1025)
    candidate.advanceTo('campaign')
    candidate.hear({ epoch: 4, seq: 14 })
    candidate.look(owner({ seq: 12 }), { lockMs: 0 })
    // Heard after that look began: it may be newer than what was read, and proves nothing.
    assert.equal(candidate.asked().at(-1), 'acquire')
  })
})

describe('a clean hand-over', () => {
  const standingBy = () => {
    const candidate = started()
    candidate.look(owner(), { lockMs: 2000 })
    return candidate
  }

  test('TakeOver: the chosen one looks at once and takes what was left', () => {
    const candidate = standingBy()
    candidate.message({ type: 'TakeOver' })
    candidate.look(owner({ left: true }), { lockMs: 0 })
    assert.equal(candidate.asked().at(-1), 'acquire')
  })

  test('TakeOver while it looks: that look may have read the record too early, and does not count', () => {
    const candidate = started()
    const early = candidate.ticket('look')
    candidate.message({ type: 'TakeOver' })
    candidate.step({
      kind: 'looked',
      ticket: early,
      record: owner(),
      lockRemainingMs: 2000,
      recordCache: undefined,
    })
    assert.equal(candidate.dueMs('campaign'), undefined)
    candidate.look(owner({ left: true }))
    assert.equal(candidate.asked().at(-1), 'acquire')
  })

  test('HoldOff: the others wait, then look: the chosen one may have failed', () => {
    const candidate = standingBy()
    candidate.message({ type: 'HoldOff', ms: 200 })
    candidate.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    candidate.look(owner({ left: true }))
    assert.equal(candidate.has('acquire'), false)
    candidate.advanceTo('campaign')
    assert.equal(candidate.nowMs, 200)
    candidate.look(owner({ left: true }))
    assert.equal(candidate.has('acquire'), true)
    const idle = standingBy()
    idle.message({ type: 'HoldOff', ms: 200 })
    assert.equal(idle.dueMs('campaign'), 200)
  })

  test('a fresh STANDBY in the process that handed over holds off as well', () => {
    const candidate = started({ holdOffUntilMs: 200 })
    candidate.look(owner({ left: true }))
    assert.equal(candidate.dueMs('campaign'), 200)
  })

  test('HoldOff then TakeOver: it is the chosen one after all', () => {
    const candidate = standingBy()
    candidate.message({ type: 'HoldOff', ms: 200 })
    candidate.message({ type: 'TakeOver' })
    candidate.look(owner({ left: true }))
    assert.equal(candidate.asked().at(-1), 'acquire')
  })
})
