import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  attemptBackoffMs,
  attemptMs,
  deadlineMs,
  renewEveryMs,
  safetyMarginMs,
} from '../../actors/election/lease.js'
import { type Fate, type LeaseAgent, LeaseWorld, type Stall } from './election-lease-world.js'

/*
 * Lease arithmetic (protocol 6, 17, 19): first as numbers, then in a world of agents whose clocks drift and
 * whose messages are late or lost. Drift below 5 %, lease from 1 s: what the protocol assumes and the
 * configuration enforces.
 */

/** Evenly spread, where doubles would crowd around 0. */
const between = (low: number, high: number) =>
  fc.integer({ min: 0, max: 10_000 }).map((n) => low + (n / 10_000) * (high - low))
const leaseMs = fc.oneof(fc.constantFrom(1000, 1000.5, 2500, 60_000), between(1000, 120_000))
const DRIFT = 0.049
const rate = between(1 - DRIFT, 1 + DRIFT)
const random = fc.integer({ min: 0, max: 9999 }).map((n) => n / 10_000)

test('the deadline lies before the end of a lock set when the confirmation was sent or later, as any clock sees it', () => {
  fc.assert(
    fc.property(leaseMs, rate, rate, between(0, 1e9), (lease, mine, servers, sentMs) => {
      const actsFor = (deadlineMs(sentMs, lease) - sentMs) / mine
      assert.ok(actsFor < lease / servers, `acts for ${actsFor} ms, the lock lasts ${lease / servers}`)
      assert.ok(safetyMarginMs(lease) >= 100)
    }),
    { numRuns: 2000 },
  )
})

test('a later confirmation never means an earlier deadline', () => {
  fc.assert(
    fc.property(leaseMs, between(0, 1e6), between(0, 1e6), (lease, a, b) => {
      assert.ok(deadlineMs(Math.max(a, b), lease) >= deadlineMs(Math.min(a, b), lease))
    }),
  )
})

test('two renewals fit before the deadline, with the time of one lost request between them', () => {
  fc.assert(
    fc.property(leaseMs, (lease) => {
      const deadline = deadlineMs(0, lease)
      assert.ok(2 * renewEveryMs(lease) < deadline)
      // A touch that is given up after a quarter of the lease is no longer under way when the next one is
      // due.
      assert.ok(renewEveryMs(lease) + lease / 4 < 2 * renewEveryMs(lease))
      assert.ok(2 * renewEveryMs(lease) + lease / 5 < deadline)
    }),
  )
})

test('L4: a renewal that a stall of half the lease holds up still comes before the deadline', () => {
  fc.assert(
    fc.property(leaseMs, between(0, 0.5), (lease, stall) => {
      assert.ok(renewEveryMs(lease) + stall * lease < deadlineMs(0, lease))
    }),
  )
})

test('an attempt ends before the lock that it took, and the back-off leaves others their turn', () => {
  fc.assert(
    fc.property(leaseMs, random, (lease, chance) => {
      const backoff = attemptBackoffMs(lease, chance)
      assert.ok(backoff >= lease / 4 && backoff < 0.75 * lease + 1e-6)
      assert.ok(attemptMs(lease) <= backoff + 1e-6)
      assert.ok(attemptMs(lease) < lease - safetyMarginMs(lease))
    }),
  )
})

/** Fates in turn, as parts of the lease; most ways are short. */
const way = (longest: number) =>
  fc.oneof({ weight: 4, arbitrary: between(0, longest / 8) }, { weight: 1, arbitrary: between(0, longest) })
const fates = (longest: number, lossy: boolean) =>
  fc.array(
    fc.record({
      delays: fc.tuple(way(longest), way(longest)),
      lost: lossy
        ? fc.oneof(
            { weight: 8, arbitrary: fc.constant('no' as const) },
            { weight: 1, arbitrary: fc.constantFrom('request' as const, 'answer' as const) },
          )
        : fc.constant('no' as const),
    }),
    { minLength: 1, maxLength: 40, size: 'max' },
  )

function inTurn<T>(items: readonly T[]): () => T {
  let at = 0
  return () => items[at++ % items.length]!
}

const stalls = (agents: number, longest: number) =>
  fc.array(
    fc.record({
      agent: fc.nat(agents - 1),
      at: between(0, 12),
      length: between(0, longest),
    }),
    { maxLength: 6 },
  )

interface Parts {
  readonly lease: number
  readonly rates: readonly number[]
  readonly serverRate: number
  readonly fates: readonly { readonly delays: readonly [number, number]; readonly lost: Fate['lost'] }[]
  readonly stalls: readonly { readonly agent: number; readonly at: number; readonly length: number }[]
  readonly randoms: readonly number[]
  readonly patience?: number
}

function worldOf(parts: Parts): LeaseWorld {
  const { lease, rates, serverRate, randoms } = parts
  const next = inTurn(parts.fates)
  return new LeaseWorld({
    leaseMs: lease,
    rates,
    serverRate,
    ...(parts.patience !== undefined && { patience: parts.patience }),
    random: inTurn(randoms),
    stalls: parts.stalls.map(
      ({ agent, at, length }): Stall => ({ agent, atMs: at * lease, ms: length * lease }),
    ),
    fate: () => {
      const { delays, lost } = next()
      return { delaysMs: [delays[0] * lease, delays[1] * lease], lost }
    },
  })
}

/** What a leader does and leaves at any moment. */
function assertOrderly(agent: LeaseAgent): void {
  assert.ok(agent.touching <= 1, 'a renewal is doubled')
  assert.ok(agent.lockAsks <= agent.confirmations, 'the lock is extended before the record has confirmed')
  for (const kind of agent.afterEnd) {
    assert.ok(kind === 'release' || kind === 'cancelTimer', `it asks for ${kind} after its end`)
  }
  if (agent.leads)
    assert.ok(agent.timers.has('renew') && agent.timers.has('deadline'), 'a timer has been lost')
}

const randoms = fc.array(random, { minLength: 1, maxLength: 7 })

test('no two may act at once whose confirmations are older than their locks, and such a lock still holds', () => {
  const seen = { covered: 0, elections: 0, ends: 0 }
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.array(rate, { minLength: 2, maxLength: 3 }),
    serverRate: rate,
    fates: fates(0.3, true),
    stalls: stalls(3, 2),
    randoms,
    patience: fc.constantFrom(0.25, 0.5),
  })
  fc.assert(
    fc.property(parts, (one) => {
      const world = worldOf(one)
      world.onEvent = () => {
        const covered = world.agents.filter((agent) => {
          const setMs = world.lockSetMs.get(agent.core.lock) ?? Number.NEGATIVE_INFINITY
          return agent.core.mayAct(agent.localMs(world.nowMs)) && agent.confirmedMs <= setMs
        })
        for (const { core, index } of covered) {
          assert.equal(world.lockHolder(), core.lock, `m${index} acts, and its lock has run out`)
          seen.covered++
        }
        assert.ok(covered.length <= 1, 'two leaders act')
        for (const agent of world.agents) assertOrderly(agent)
      }
      world.run(12 * one.lease)
      for (const { told } of world.agents) {
        seen.elections += told.filter((text) => text === 'ElectedLeader').length
        seen.ends += told.filter((text) => text === 'RevokedLeadership').length
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(seen.covered > 5000 && seen.elections > 400 && seen.ends > 100, JSON.stringify(seen))
})

test('a confirmation newer than the lock: acting goes on for a third of the lease past its end, never more', () => {
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.array(fc.constant(1), { minLength: 2, maxLength: 3 }),
    serverRate: fc.constant(1),
    fates: fates(0.1, true),
    stalls: stalls(3, 2),
    randoms,
  })
  fc.assert(
    fc.property(parts, (one) => {
      const world = worldOf(one)
      world.onEvent = () => {
        for (const agent of world.agents) {
          if (!agent.core.mayAct(agent.localMs(world.nowMs)) || agent.core.lock === '') continue
          const setMs = world.lockSetMs.get(agent.core.lock)!
          const newer = Math.max(0, agent.confirmedMs - setMs)
          // What the margin does not cover is the age of the lock at the confirmation; the record, not the
          // clock, is the fence.
          const allowedMs = setMs + one.lease + Math.max(0, newer - safetyMarginMs(one.lease))
          assert.ok(world.nowMs < allowedMs + 1e-6, `acts ${world.nowMs - allowedMs} ms too long`)
        }
      }
      world.run(12 * one.lease)
    }),
    { numRuns: 200 },
  )
})

/** Stalls of one leader, a lease apart, so that each meets a leader that was confirmed in time. */
const spaced = (longest: number) =>
  fc
    .array(
      fc.record({
        gap: between(1, 2),
        length: between(0, longest),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((all) => {
      let at = 1
      return all.map(({ gap, length }) => {
        at += gap
        const stall = { agent: 0, at, length }
        at += length
        return stall
      })
    })

test('L4: stalls of up to half the lease, at any moment, end no leadership', () => {
  let stalled = 0
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.constant([1]),
    serverRate: fc.constant(1),
    fates: fates(0.025, false),
    stalls: spaced(0.5),
    randoms,
  })
  fc.assert(
    fc.property(parts, (one) => {
      const world = worldOf(one)
      world.run(14 * one.lease)
      assert.deepEqual(world.agents[0]!.told, ['ElectedLeader'])
      stalled += one.stalls.filter(({ length }) => length > 0.4).length
    }),
    { numRuns: 400 },
  )
  assert.ok(stalled > 100, `only ${stalled} long stalls`)
})

test('a stall longer than the lease ends a leadership before it does anything else', () => {
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.constant([1]),
    serverRate: fc.constant(1),
    fates: fates(0.025, false),
    stalls: fc
      .record({
        agent: fc.constant(0),
        at: between(2, 3),
        length: between(0.95, 3),
      })
      .map((stall) => [stall]),
    randoms,
  })
  fc.assert(
    fc.property(parts, (one) => {
      const world = worldOf(one)
      const [stall] = one.stalls
      const wakeMs = (stall!.at + stall!.length) * one.lease
      const [leader] = world.agents
      world.onEvent = () => {
        if (world.nowMs !== wakeMs || leader!.told.length > 1) return
        assert.equal(leader!.core.mayAct(leader!.localMs(world.nowMs)), false)
      }
      world.run(8 * one.lease)
      assert.deepEqual(leader!.told.slice(0, 2), ['ElectedLeader', 'RevokedLeadership'])
    }),
    { numRuns: 200 },
  )
})

test('any single renewal may be lost: with every second one answered a leader leads on', () => {
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.constant([1]),
    serverRate: fc.constant(1),
    fates: fates(0.05, false),
    stalls: fc.constant([]),
    randoms,
    odd: fc.boolean(),
  })
  fc.assert(
    fc.property(parts, ({ odd, ...one }) => {
      const next = inTurn(one.fates)
      let touches = 0
      const world = new LeaseWorld({
        leaseMs: one.lease,
        rates: one.rates,
        serverRate: 1,
        stalls: [],
        random: inTurn(one.randoms),
        fate: () => {
          const { delays } = next()
          const [leader] = world.agents
          // The lock is asked for right behind a touch that was answered: only touches are lost here.
          const isTouch = leader!.leads && leader!.touching === 0 && leader!.lastAsked === 'touch'
          const lost = isTouch && touches++ % 2 === (odd ? 1 : 0)
          return { delaysMs: [delays[0] * one.lease, delays[1] * one.lease], lost: lost ? 'request' : 'no' }
        },
      })
      world.run(12 * one.lease)
      assert.deepEqual(world.agents[0]!.told, ['ElectedLeader'])
      assert.ok(touches >= 20, `only ${touches} renewals`)
    }),
    { numRuns: 200 },
  )
})

test('liveness: once nothing is lost any more somebody leads within two leases, and stays', () => {
  const parts = fc.record({
    lease: leaseMs,
    rates: fc.array(rate, { minLength: 1, maxLength: 3 }),
    serverRate: rate,
    fates: fates(0.3, true),
    stalls: stalls(3, 1),
    randoms,
  })
  fc.assert(
    fc.property(parts, (one) => {
      let healed = false
      const troubled = inTurn(one.fates)
      const world = new LeaseWorld({
        leaseMs: one.lease,
        rates: one.rates,
        serverRate: one.serverRate,
        random: inTurn(one.randoms),
        stalls: one.stalls
          .filter(({ at, length }) => at + length < 5)
          .map(({ agent, at, length }) => ({ agent, atMs: at * one.lease, ms: length * one.lease })),
        fate: () => {
          if (healed) return { delaysMs: [one.lease / 100, one.lease / 100], lost: 'no' }
          const { delays, lost } = troubled()
          return { delaysMs: [delays[0] * one.lease, delays[1] * one.lease], lost }
        },
      })
      world.run(6 * one.lease)
      healed = true
      world.run(8.5 * one.lease)
      const leaders = world.agents.filter(({ leads }) => leads)
      assert.ok(leaders.length >= 1, 'nobody leads')
      world.run(9 * one.lease)
      const counts = world.agents.map(({ told }) => told.length)
      world.run(12 * one.lease)
      assert.deepEqual(
        world.agents.map(({ told }) => told.length),
        counts,
        'leadership moves although all is well',
      )
    }),
    { numRuns: 300 },
  )
})
