import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EARLY, type Owner, owner, RIVAL, Seat } from './election-seat.js'

const LEASE_MS = 2500

const started = (parts: ConstructorParameters<typeof Seat>[0] = {}) => {
  const seat = new Seat({ connectedAtMs: -2 * LEASE_MS, ...parts })
  seat.step({ kind: 'start' })
  return seat
}

describe('when a candidate tries', () => {
  const at = (record: Owner | undefined, lockMs = 0, parts = {}) => {
    const seat = started(parts)
    seat.look(record, { lockMs })
    return seat
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
      const seat = at(owner(), 1700, { random })
      assert.deepEqual(seat.asked(), [])
      assert.equal(seat.dueMs('campaign'), ms)
      seat.advanceTo('campaign')
      assert.deepEqual(seat.asked(), ['look'])
      seat.look(owner(), { lockMs: 0 })
      assert.deepEqual(seat.asked(), ['acquire'])
    }
  })

  test('a leader that renews is never tried', () => {
    const seat = at(owner(), 2400)
    for (let i = 0; i < 10; i++) {
      seat.advanceTo('campaign')
      assert.deepEqual(seat.asked(), ['look'])
      seat.look(owner(), { lockMs: 1800 })
    }
    assert.deepEqual(seat.asked(), [])
  })

  test('a look that fails is repeated, and logged once per cause', () => {
    const seat = started()
    for (let i = 0; i < 5; i++) {
      seat.step({ kind: 'lookFailed', ticket: seat.ticket('look'), reason: 'away', hopeless: false })
      seat.advanceTo('campaign')
    }
    assert.equal(seat.logs.length, 1)
    seat.step({ kind: 'lookFailed', ticket: seat.ticket('look'), reason: 'not ours', hopeless: true })
    assert.equal(seat.has('hopeless'), true)
    assert.equal(seat.dueMs('campaign'), undefined)
  })
})

describe('an attempt', () => {
  const acquiring = () => {
    const seat = started()
    seat.look(undefined)
    return seat
  }
  const electing = () => {
    const seat = acquiring()
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    return seat
  }

  test('elects with what was read before the lock was asked for', () => {
    const seat = started()
    seat.look(owner({ epoch: 7, left: true }))
    seat.hear({ epoch: 9, seq: 3 })
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    const { seen, lock, heardEpoch } = seat.last('elect')!
    assert.deepEqual(
      { seen, lock, heardEpoch },
      { seen: { epoch: 7, owner: RIVAL }, lock: 'v1', heardEpoch: 9 },
    )
  })

  test('won from another: where that one found the store goes along', () => {
    const seat = started()
    seat.look(owner({ left: true, base: { epoch: 3, seq: 1 } }))
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    seat.win(5)
    const { message } = seat.last('tellMaster')!
    const base = { epoch: 3, seq: 1 }
    assert.deepEqual(message.type === 'ElectedLeader' && message.earlier, [{ epoch: 4, owner: RIVAL, base }])
  })

  test('of elections in a row the record remembers those that found the store lower than all after them', () => {
    const seat = started()
    const at = (epoch: number, seq: number, by = 'm1') => ({
      epoch,
      owner: by,
      base: { epoch: epoch - 1, seq },
    })
    const earlier = [at(2, 5), at(4, 9), at(6, 9)]
    seat.look(owner({ left: true, base: { epoch: 3, seq: 1 }, earlier }))
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
    assert.deepEqual(seat.last('elect')!.earlier, [at(2, 5), at(4, 1, RIVAL)])
  })

  test('won: the Master hears of it, with what was heard before', () => {
    const seat = electing()
    seat.win(5)
    assert.deepEqual(seat.told, ['ElectedLeader'])
    assert.equal(seat.core.lock, 'v1')
    assert.deepEqual(seat.last('tellMaster')!.message, {
      type: 'ElectedLeader',
      epoch: 5,
      owner: 'me-1',
      base: { epoch: 4, seq: 9 },
      earlier: [],
      mark: 'm',
      heard: { epoch: 0, seq: 0 },
    })
    assert.deepEqual(seat.core.heard, { epoch: 5, seq: 9 })
    assert.equal(seat.has('release'), false)
  })

  test('acquire refused because another holds it: looks again soon', () => {
    const seat = acquiring()
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: undefined })
    assert.ok(seat.dueMs('campaign')! <= 100)
    assert.equal(seat.dueMs('attempt'), undefined)
    seat.advanceTo('campaign')
    assert.deepEqual(seat.asked().at(-1), 'look')
  })

  test('no majority of lock servers: back-off of lease/2 +- 50 %', () => {
    for (const [random, ms] of [
      [0, LEASE_MS / 4],
      [0.5, LEASE_MS / 2],
    ] as const) {
      const seat = started({ random })
      seat.look(undefined)
      seat.step({
        kind: 'acquired',
        ticket: seat.ticket('acquire'),
        value: undefined,
        reason: 'two are dead',
      })
      assert.equal(seat.dueMs('campaign'), ms)
    }
  })

  for (const outcome of [
    { kind: 'changed', epoch: 8, owner: 'x' },
    { kind: 'refused', code: 'STORE_UNAVAILABLE', reason: 'loading' },
    { kind: 'unknown', reason: 'time-out' },
  ] as const) {
    test(`elect answered ${outcome.kind}: the lock is released, back-off`, () => {
      const seat = electing()
      seat.step({ kind: 'elected', ticket: seat.ticket('elect'), outcome, sentAtMs: 0 })
      assert.deepEqual(seat.released, ['v1'])
      assert.equal(seat.dueMs('campaign'), LEASE_MS / 2)
      assert.equal(seat.dueMs('attempt'), undefined)
      assert.deepEqual(seat.told, [])
    })
  }

  test('without an answer it ends after lease/4: the lock is released, late answers change nothing', () => {
    const seat = electing()
    assert.equal(seat.dueMs('attempt'), LEASE_MS / 4)
    const ticket = seat.ticket('elect')
    seat.advanceTo('attempt')
    assert.deepEqual(seat.released, ['v1'])
    seat.win(5, ticket)
    assert.deepEqual(seat.told, [])
    // The record names it all the same: the next look finds that, and elects again.
    seat.advanceTo('campaign')
    seat.look(owner({ owner: 'me-1', epoch: 5 }), { lockMs: 2000 })
    assert.deepEqual(seat.asked().at(-1), 'acquire')
  })

  test('a lock that comes after its attempt was given up is released', () => {
    const seat = acquiring()
    const ticket = seat.ticket('acquire')
    seat.advanceTo('attempt')
    assert.deepEqual(seat.released, [])
    seat.step({ kind: 'acquired', ticket, value: 'late' })
    assert.deepEqual(seat.released, ['late'])
    assert.equal(seat.has('elect'), false)
  })

  test('resigned while it waits for the lock: what comes late is released', () => {
    const seat = acquiring()
    seat.message({ type: 'ResignLeadership' })
    assert.equal(seat.has('resigned'), true)
    seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'late' })
    assert.deepEqual(seat.released, ['late'])
    assert.equal(seat.has('elect'), false)
  })
})

describe('early take-over', () => {
  /** Stands by beside a rival that holds the lock, then loses the link to it. */
  const bereaved = (record = owner({ lock: 'v0' })) => {
    const seat = started()
    seat.look(record, { lockMs: 2000 })
    seat.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    seat.look(record, { lockMs: 2000 })
    return seat
  }

  test('with all three witnesses: the lock of the record is released, acquired, and it is elected at once', () => {
    for (const order of [
      ['door', 'presence'],
      ['presence', 'door'],
    ]) {
      const seat = bereaved()
      assert.deepEqual(seat.asked().slice(-2), ['knock', 'countPresence'])
      for (const witness of order) EARLY[witness as 'door' | 'presence'](seat)
      assert.equal(seat.last('release')!.value, 'v0')
      assert.equal(seat.dueMs('attempt'), LEASE_MS / 4)
      seat.step({ kind: 'released', ticket: seat.ticket('release') })
      assert.equal(seat.asked().at(-1), 'acquire')
      assert.equal(seat.nowMs, 0)
    }
  })

  test('presence is counted every 10 ms until it is 0, also when the door has spoken in between', () => {
    const seat = bereaved()
    seat.presence(1)
    EARLY.door(seat)
    assert.equal(seat.dueMs('witness'), 10)
    seat.advanceTo('witness')
    seat.presence(1)
    seat.advanceTo('witness')
    assert.equal(seat.nowMs, 20)
    seat.presence(0)
    assert.equal(seat.last('release')?.value, 'v0')
  })

  test('witness 1 missing: a link that fell silent is no evidence, nor is that of another Master', () => {
    const seat = started()
    seat.look(owner(), { lockMs: 2000 })
    seat.message({ type: 'MasterLinkClosed', incarnation: 'm3-7' })
    assert.deepEqual(seat.asked(), [])
    seat.advanceTo('campaign')
    assert.equal(seat.nowMs >= 2000, true)
    assert.equal(seat.has('countPresence'), false)
  })

  test('witness 2 false: the door answers: the evidence is spent, the lock is waited for', () => {
    const seat = bereaved()
    seat.presence(0)
    seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'alive' })
    seat.advanceTo('campaign')
    seat.look(owner({ lock: 'v0' }), { lockMs: 1900 })
    assert.deepEqual(seat.released, [])
    assert.ok(seat.dueMs('campaign')! >= 1900)
  })

  test('witness 2 unclear: a door that resets the connection is knocked at again, and found gone', () => {
    const seat = bereaved()
    seat.presence(0)
    seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'unknown' })
    seat.advanceTo('knock')
    assert.equal(seat.nowMs, 10)
    seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'gone' })
    assert.equal(seat.last('release')?.value, 'v0')
  })

  test('witness 2 unclear for 300 ms: the evidence is spent, the lock is waited for', () => {
    const seat = bereaved()
    seat.presence(0)
    const unclear = () => seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'unknown' })
    for (unclear(); seat.nowMs < 300; unclear()) seat.advanceTo('knock')
    seat.advanceTo('campaign')
    seat.look(owner({ lock: 'v0' }), { lockMs: 1600 })
    assert.deepEqual(seat.released, [])
    assert.ok(seat.dueMs('campaign')! >= 1600)
  })

  test('witness 2 missing: a door that does not answer within 300 ms', () => {
    const seat = bereaved()
    seat.presence(0)
    seat.advanceTo('witness')
    assert.equal(seat.nowMs, 300)
    EARLY.door(seat)
    seat.advanceTo('campaign')
    seat.look(owner(), { lockMs: 1700 })
    assert.deepEqual(seat.released, [])
    assert.ok(seat.dueMs('campaign')! >= 1700)
  })

  for (const count of [1, undefined]) {
    test(`witness 3 false: presence stays ${count ?? 'unknown'} for 300 ms`, () => {
      const seat = bereaved()
      EARLY.door(seat)
      let counted = 0
      while (seat.asked().at(-1) === 'countPresence') {
        counted++
        seat.presence(count)
        seat.advanceTo('witness')
      }
      assert.equal(counted, 30)
      seat.advanceTo('campaign')
      seat.look(owner(), { lockMs: 1700 })
      assert.deepEqual(seat.released, [])
      assert.ok(seat.dueMs('campaign')! >= 1700)
    })
  }

  test('evidence that was false once does not speak again until the link closes again', () => {
    const seat = bereaved()
    seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'alive' })
    for (let i = 0; i < 3; i++) {
      seat.advanceTo('campaign')
      seat.look(owner(), { lockMs: 2000 })
    }
    assert.equal(seat.count('knock'), 1)
    seat.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    seat.look(owner(), { lockMs: 2000 })
    assert.equal(seat.count('knock'), 2)
  })

  test('our own address in the record: its former owner is gone once its presence is', () => {
    const seat = started()
    seat.look(owner({ address: 'firesteel://h:1', lock: 'v0' }), { lockMs: 2000 })
    assert.deepEqual(seat.asked(), ['countPresence'])
    seat.presence(0)
    assert.deepEqual(seat.released, ['v0'])
  })

  test('a link that closes while it looks counts for that look', () => {
    const seat = started()
    seat.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    seat.look(owner(), { lockMs: 2000 })
    assert.equal(seat.has('knock'), true)
  })
})

describe('distrust of one lease after a (re)connection', () => {
  test('a free lock is not believed before a lease has passed', () => {
    const seat = new Seat({ connectedAtMs: -500 })
    seat.step({ kind: 'start' })
    seat.look(owner(), { lockMs: 0 })
    // It asks the witnesses first, without a right to take over by them.
    seat.step({ kind: 'door', ticket: seat.ticket('knock'), says: 'alive' })
    seat.advanceTo('campaign')
    seat.look(owner(), { lockMs: 0 })
    assert.equal(seat.has('acquire'), false)
    seat.advanceTo('campaign')
    assert.ok(seat.nowMs >= LEASE_MS - 500)
    seat.look(owner(), { lockMs: 0 })
    assert.equal(seat.has('acquire'), true)
  })

  test('a reconnection begins it anew', () => {
    const seat = started()
    seat.look(owner(), { lockMs: 1000 })
    seat.advance(900)
    seat.step({ kind: 'reconnected' })
    seat.advanceTo('campaign')
    seat.look(owner(), { lockMs: 0 })
    assert.equal(seat.has('acquire'), false)
    assert.equal(seat.has('knock'), true)
  })

  test('lifted by witnesses 2 and 3: but a lock that is held is not released without witness 1', () => {
    for (const lockMs of [0, 1500]) {
      const seat = new Seat({ connectedAtMs: 0 })
      seat.step({ kind: 'start' })
      seat.look(owner({ lock: 'v0' }), { lockMs })
      EARLY.door(seat)
      EARLY.presence(seat)
      assert.deepEqual(seat.released, [])
      seat.look(owner({ lock: 'v0' }), { lockMs })
      assert.equal(seat.has('acquire'), lockMs === 0)
      if (lockMs > 0) assert.equal(seat.dueMs('campaign'), lockMs + 25)
    }
  })

  test('lifted by the image of the owner', () => {
    const seat = new Seat({ connectedAtMs: 0 })
    seat.step({ kind: 'start' })
    seat.look(owner(), { lockMs: 0, image: { epoch: 4, seq: 9 } })
    assert.deepEqual(seat.asked(), ['acquire'])
  })

  test('neither with no owner nor after it left', () => {
    for (const record of [undefined, owner({ left: true })]) {
      const seat = new Seat({ connectedAtMs: 0 })
      seat.step({ kind: 'start' })
      seat.look(record, { lockMs: 0 })
      assert.deepEqual(seat.asked(), ['acquire'])
    }
  })
})

describe('a store that lost its tail', () => {
  const above = { epoch: 4, seq: 12 }

  for (const [name, record] of [
    ['fell back', owner()],
    ['is empty', undefined],
    ['fell back to an owner that left', owner({ left: true })],
  ] as const) {
    test(`heard above what is stored (${name}): rewindPatience, counted from the first such look`, () => {
      const seat = started({ heard: above })
      seat.look(record, { lockMs: 0 })
      assert.equal(seat.dueMs('campaign'), 3000)
      seat.advance(1000)
      seat.message({ type: 'TakeOver' })
      seat.look(record, { lockMs: 0 })
      assert.equal(seat.dueMs('campaign'), 2000)
      seat.advanceTo('campaign')
      seat.look(record, { lockMs: 0 })
      assert.equal(seat.asked().at(-1), 'acquire')
      seat.step({ kind: 'acquired', ticket: seat.ticket('acquire'), value: 'v1' })
      assert.equal(seat.last('elect')!.heardEpoch, 4)
    })
  }

  test('who holds the image does not wait, and counts it as heard', () => {
    const seat = started({ heard: above })
    seat.look(owner(), { lockMs: 0, image: { epoch: 4, seq: 13 } })
    assert.deepEqual(seat.asked(), ['acquire'])
    assert.deepEqual(seat.core.heard, { epoch: 4, seq: 13 })
  })

  test('an image below something heard, or below the store, is none', () => {
    for (const image of [
      { epoch: 4, seq: 11 },
      { epoch: 3, seq: 50 },
    ]) {
      const seat = started({ heard: above })
      seat.look(owner(), { lockMs: 0, image })
      assert.equal(seat.dueMs('campaign'), 3000)
    }
  })

  test('a store that has it again after all is believed', () => {
    const seat = started({ heard: above })
    seat.look(owner(), { lockMs: 0 })
    seat.advanceTo('campaign')
    seat.look(owner({ seq: 12 }), { lockMs: 1000 })
    assert.equal(seat.dueMs('campaign'), 1025)
    seat.advanceTo('campaign')
    seat.hear({ epoch: 4, seq: 14 })
    seat.look(owner({ seq: 12 }), { lockMs: 0 })
    // Heard after that look began: it may be newer than what was read, and proves nothing.
    assert.equal(seat.asked().at(-1), 'acquire')
  })
})

describe('a clean hand-over', () => {
  const standingBy = () => {
    const seat = started()
    seat.look(owner(), { lockMs: 2000 })
    return seat
  }

  test('TakeOver: the chosen one looks at once and takes what was left', () => {
    const seat = standingBy()
    seat.message({ type: 'TakeOver' })
    seat.look(owner({ left: true }), { lockMs: 0 })
    assert.equal(seat.asked().at(-1), 'acquire')
  })

  test('TakeOver while it looks: that look may have read the record too early, and does not count', () => {
    const seat = started()
    const early = seat.ticket('look')
    seat.message({ type: 'TakeOver' })
    seat.step({ kind: 'looked', ticket: early, record: owner(), lockRemainingMs: 2000, image: undefined })
    assert.equal(seat.dueMs('campaign'), undefined)
    seat.look(owner({ left: true }))
    assert.equal(seat.asked().at(-1), 'acquire')
  })

  test('HoldOff: the others wait, then look: the chosen one may have failed', () => {
    const seat = standingBy()
    seat.message({ type: 'HoldOff', ms: 200 })
    seat.message({ type: 'MasterLinkClosed', incarnation: RIVAL })
    seat.look(owner({ left: true }))
    assert.equal(seat.has('acquire'), false)
    seat.advanceTo('campaign')
    assert.equal(seat.nowMs, 200)
    seat.look(owner({ left: true }))
    assert.equal(seat.has('acquire'), true)
    const idle = standingBy()
    idle.message({ type: 'HoldOff', ms: 200 })
    assert.equal(idle.dueMs('campaign'), 200)
  })

  test('a fresh STANDBY in the process that handed over holds off as well', () => {
    const seat = started({ holdOffUntilMs: 200 })
    seat.look(owner({ left: true }))
    assert.equal(seat.dueMs('campaign'), 200)
  })

  test('HoldOff then TakeOver: it is the chosen one after all', () => {
    const seat = standingBy()
    seat.message({ type: 'HoldOff', ms: 200 })
    seat.message({ type: 'TakeOver' })
    seat.look(owner({ left: true }))
    assert.equal(seat.asked().at(-1), 'acquire')
  })
})
