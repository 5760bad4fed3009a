import assert from 'node:assert/strict'
import { test } from 'node:test'
import { full, parseCommandLine, short } from '../failover/options.js'
import { type CaseReport, type Counts, countKeys, judge, judgeGap, tables } from '../failover/report.js'
import { countGenerations, parseBeats } from '../tools/load/generations.js'
import { longestGap } from '../tools/load/longest-gap.js'
import { chanceOfLonger, largest, percentile, seededRandom } from '../tools/load/statistics.js'
import { writesAfterSuccession } from '../tools/load/store-audit.js'
import { countLateOrders } from '../tools/load/worker-audit.js'

/* What `npm run failover` counts: each count must be able to be other than 0. */

test('the longest gap counts as far as any of it lies in the period', () => {
  const times = [0, 4, 8, 40, 44, 48]
  assert.equal(longestGap(times, 2, 46), 32)
  assert.equal(longestGap(times, 20, 46), 32, 'a gap that began before the period counts whole')
  assert.equal(longestGap(times, 2, 20), 32, 'a gap that ends after the period counts whole')
  assert.equal(longestGap(times, 40, 100), 52, 'no result since is a gap too')
  assert.equal(longestGap([], 10, 30), 20)
})

test('driver processes that overlap are seen, whatever their generation', () => {
  const life = (generation: number, pid: number, ...at: number[]) =>
    at.map((atMs) => ({ generation, pid, atMs }))
  assert.deepEqual(countGenerations(life(1, 7, 0, 20, 40)), { atOnce: 0, restarts: 0 })
  const successive = [...life(1, 7, 0, 20), ...life(2, 8, 30, 50)]
  assert.deepEqual(countGenerations(successive), { atOnce: 0, restarts: 1 })
  const overlapping = [...life(1, 7, 0, 20, 40), ...life(2, 8, 30, 50)]
  assert.deepEqual(countGenerations(overlapping), { atOnce: 1, restarts: 1 })
  const twins = [...life(1, 7, 0, 40), ...life(1, 8, 10, 50)]
  assert.deepEqual(countGenerations(twins), { atOnce: 1, restarts: 1 })
  assert.deepEqual(parseBeats('1 7 0.5\n1 7 20.5\n1 7'), life(1, 7, 0.5, 20.5))
})

test('a write of an earlier epoch above what its successor found is a deposed leader’s', () => {
  const base = { epoch: 3, seq: 40 }
  const at = (epoch: number, seq: number) => ({ epoch, seq })
  assert.equal(writesAfterSuccession([at(2, 90), at(3, 40), at(4, 41)], 4, base), 0)
  assert.equal(writesAfterSuccession([at(3, 41)], 4, base), 1)
})

test('an order of a leader whose successor was heard is late; the Worker says whether it acted on it', () => {
  const order = (epoch: number, peer: string, refused?: true) =>
    ({ epoch, peer, direction: 'in', ...(refused && { refused }) }) as const
  const none = { epoch: 0, owner: undefined }
  const obeyed = { epoch: 2, owner: 'b' }
  const inOrder = [order(1, 'a'), order(2, 'b'), order(2, 'b')]
  assert.deepEqual(countLateOrders(inOrder, none), { accepted: 0, refused: 0, obeyed })
  assert.deepEqual(countLateOrders([...inOrder, order(1, 'a')], none), { accepted: 1, refused: 0, obeyed })
  assert.deepEqual(countLateOrders([...inOrder, order(1, 'a', true)], none), {
    accepted: 0,
    refused: 1,
    obeyed,
  })
  const twoOwners = [...inOrder, order(2, 'c')]
  assert.deepEqual(countLateOrders(twoOwners, none), { accepted: 1, refused: 0, obeyed })
  assert.deepEqual(countLateOrders([order(1, 'a')], obeyed), { accepted: 1, refused: 0, obeyed })
})

test('percentiles by nearest rank', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index)
  assert.deepEqual([percentile(values, 50), percentile(values, 99), largest(values)], [100, 198, 200])
  assert.ok(Number.isNaN(percentile([], 50)))
  assert.ok(Number.isNaN(largest([])))
})

test('chance explains noise and not a shift', () => {
  const random = seededRandom(7)
  const noise = Array.from({ length: 50 }, () => [random() * 10, random() * 10] as const)
  assert.ok(chanceOfLonger(noise, random, 2000) > 0.05)
  const shifted = noise.map(([first, second]) => [first + 8, second] as const)
  assert.ok(chanceOfLonger(shifted, random, 2000) < 0.01)
  assert.equal(chanceOfLonger([], random, 100), 1)
})

const round = { aliveMs: 90, gapMs: 9, calmGapMs: 9, standbyGapMs: 9 }
const counts = Object.fromEntries(countKeys.map((key) => [key, 0])) as unknown as Counts

function reportOf(change: Partial<CaseReport>): { seed: number; options: typeof short; cases: CaseReport[] } {
  const work = { tasks: 10, submissions: 5, longestSubmissionMs: 30 }
  const facts = { ...work, refusedOrders: 0, wokenClaims: 0, cameBack: 0, needlessFailovers: 0 }
  const good = { case: 'kill' as const, rounds: Array.from({ length: 20 }, () => round), counts, facts }
  return { seed: 1, options: short, cases: [{ ...good, ...change }] }
}

test('any count that is not 0 fails, a time over its goal is missed', () => {
  assert.deepEqual(judge(reportOf({})), { countsHold: true, missed: [] })
  for (const key of countKeys) {
    assert.equal(judge(reportOf({ counts: { ...counts, [key]: 1 } })).countsHold, false, key)
  }
  const slow = judge(reportOf({ rounds: [{ ...round, aliveMs: 501 }] }))
  assert.equal(slow.missed.length, 1)
  const rounds = Array.from({ length: 20 }, (_, index) => ({ ...round, gapMs: 30 + index }))
  assert.equal(judgeGap(rounds, 1).longer, true)
  const busy = rounds.map((longer) => ({ ...longer, standbyGapMs: longer.gapMs }))
  assert.equal(judgeGap(busy, 1).longer, false, 'the same with a STANDBY is not the failover')
  const frozen = rounds.map((longer) => ({ ...longer, standbyGapMs: null }))
  assert.equal(judgeGap(frozen, 1).longer, true)
  const pause = judge(reportOf({ rounds }))
  assert.deepEqual([pause.countsHold, pause.missed.length], [true, 1])
})

test('the tables give p99 only where there are rounds enough for it', () => {
  assert.match(tables(reportOf({})), /\| kill \| 20 \| 90\.0 ms \| - \| 90\.0 ms \|/)
  assert.doesNotMatch(tables(reportOf({ rounds: Array.from({ length: 200 }, () => round) })), /\| - \|/)
})

test('the command line', () => {
  const parse = (...args: string[]) => parseCommandLine(args, 5)
  const plain = { seed: 5, isSecure: false, json: false, strict: false }
  assert.deepEqual(parse(), { ...full, ...plain })
  assert.deepEqual(parse('--short', '--json'), { ...short, ...plain, json: true })
  assert.equal(parse('--secure').isSecure, true)
  const some = parse('--cases', 'freeze,kill', '--rounds', '7', '--seed', '9', '--strict')
  assert.deepEqual(some.cases, ['kill', 'freeze'])
  assert.deepEqual(some.rounds, { kill: 7, term: 7, freeze: 7 })
  assert.deepEqual([some.seed, some.strict], [9, true])
  for (const wrong of [
    ['--rounds', '0'],
    ['--rounds', 'many'],
    ['--cases', 'nap'],
    ['--cases', ''],
    ['--what'],
  ]) {
    assert.throws(() => parse(...wrong), wrong.join(' '))
  }
})
