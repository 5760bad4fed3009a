import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import {
  CommitQueue,
  type CommitQueueLimits,
  type CommitQueueRequest,
} from '../../runtime/persistence/commit-queue.js'
import type { CommitOutcome, Table } from '../../runtime/persistence/engine.js'

/*
 * The commit queue under any sequence of calls and any outcomes, in any order, beside a plain list of the
 * steps it has taken. (persistence-commit queue.test.ts runs it against a model of the store; here the store
 * is a liar that may answer anything.)
 */

interface Wrote {
  readonly table: Table
  readonly id: string
  /** Undefined: deleted. */
  readonly value: object | undefined
}
interface Taken {
  readonly writes: readonly Wrote[]
  readonly effects: readonly string[]
}
type Commit = Extract<CommitQueueRequest, { kind: 'commit' }>

const EPOCH = 3
const BASE = { epoch: 2, seq: 40 }
const commitQueueLimits: CommitQueueLimits = {
  ...limits,
  commitQueueSteps: 9,
  commitQueueBytes: 4000,
  commitEntries: 6,
  commitBytes: 1500,
}

const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<CommitOutcome['kind']>('ok', 'duplicate') },
  { weight: 3, arbitrary: fc.constantFrom<CommitOutcome['kind']>('unknown', 'refused') },
  { weight: 1, arbitrary: fc.constantFrom<CommitOutcome['kind']>('deposed', 'rewound', 'failed') },
)
const id = fc.nat(5).map((n) => `r${n}`)
const call = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      puts: fc.array(fc.tuple(id, fc.constantFrom<Table>('driver', 'app'), fc.nat(400)), { maxLength: 4 }),
      deletes: fc.array(id, { maxLength: 2 }),
      effects: fc.nat(2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settled' as const), outcome, full: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'abandon' as const }) },
)
type Call = typeof call extends fc.Arbitrary<infer C> ? C : never

const keyOf = ({ table, id: name }: { table: string; id: string }): string => `${table}/${name}`

/** The last write of each record over some steps. */
function folded(steps: readonly Taken[]): Map<string, Wrote> {
  const last = new Map<string, Wrote>()
  for (const { writes } of steps) for (const write of writes) last.set(keyOf(write), write)
  return last
}

/** Does the commit say exactly what these steps wrote, each record once? */
function says(commit: Commit, steps: readonly Taken[]): boolean {
  const wanted = folded(steps)
  const keys = [...commit.puts, ...commit.deletes].map(keyOf)
  if (keys.length !== wanted.size || new Set(keys).size !== keys.length) return false
  const at = { epoch: EPOCH, seq: commit.n }
  const putsFit = commit.puts.every((put) => {
    const value = wanted.get(keyOf(put))?.value
    return value !== undefined && put.json === JSON.stringify({ at, ...value })
  })
  const gone = commit.deletes.every((entry) => {
    const write = wanted.get(keyOf(entry))
    return write !== undefined && write.value === undefined
  })
  return putsFit && gone
}

const bytesOf = ({ puts, deletes }: Commit): number =>
  [...puts.map(({ id: name, json }) => name + json), ...deletes.map(({ id: name }) => name)].join('').length

/** More than steps take in the commit queue or in a commit. */
const mostBytesOf = (steps: readonly Taken[]): number =>
  steps
    .flatMap(({ writes }) => writes)
    .reduce((sum, { value }) => sum + JSON.stringify(value ?? {}).length + 100, 0)

const outcomeOf = (kind: CommitOutcome['kind'], full: boolean): CommitOutcome => {
  const position = { epoch: 9, seq: 9 }
  switch (kind) {
    case 'ok':
    case 'duplicate':
      return { kind, position }
    case 'refused':
      return { kind, code: full ? 'STORE_FULL' : 'STORE_UNAVAILABLE', reason: 'r' }
    case 'unknown':
    case 'failed':
      return { kind, reason: 'r' }
    case 'deposed':
      return { kind, epoch: 9, owner: 'other' }
    case 'rewound':
      return { kind, position, writeId: 'm' }
  }
}

/** The commit queue, and what a reader of the protocol would write down beside it. */
class Witness {
  readonly commitQueue: CommitQueue<string>
  readonly #writeIds = new Set<string>()
  #nextWriteId = 0
  /** Accepted and not yet released, in order. */
  #waiting: Taken[] = []
  readonly released: string[] = []
  readonly accepted: string[] = []
  requests = 0
  resent = 0
  #steps = 0
  #sent: CommitQueueRequest | undefined
  /** A commit that may have arrived: it is sent again until its outcome is known. */
  #kept: Commit | undefined
  #writeId = 'elected'
  #seq = BASE.seq
  #failures = 0
  #retryAtMs = 0
  #ended = false
  nowMs = 0

  constructor() {
    const newWriteId = () => `mark-${++this.#nextWriteId}`
    this.commitQueue = new CommitQueue({
      epoch: EPOCH,
      base: BASE,
      writeId: 'elected',
      newWriteId,
      limits: commitQueueLimits,
    })
  }

  play(call: Call): void {
    if (call.kind === 'submit') this.submit(call)
    else if (call.kind === 'next') this.next()
    else if (call.kind === 'settled') this.settled(outcomeOf(call.outcome, call.full))
    else if (call.kind === 'time') this.nowMs += call.ms
    else this.abandon()
    assert.equal(this.commitQueue.idle, this.#waiting.length === 0)
    assert.deepEqual(this.commitQueue.position, { epoch: EPOCH, seq: this.#seq })
    // Exactly once and in order, whatever happens: what was released is a beginning of what was accepted.
    assert.deepEqual(this.released, this.accepted.slice(0, this.released.length))
  }

  submit({ puts, deletes, effects }: Extract<Call, { kind: 'submit' }>): void {
    const step = ++this.#steps
    const values = puts.map(([name, table, size]) => ({
      table,
      id: name,
      value: { step, text: 'x'.repeat(size) } as Record<string, unknown>,
    }))
    // A deletion says nothing of its step, so it comes with an effect that does.
    const names = Array.from(
      { length: Math.max(effects, deletes.length > 0 ? 1 : 0) },
      (_, n) => `${step}.${n}`,
    )
    const gone = deletes.map((name) => ({ table: 'driver' as const, id: name }))
    const full = this.commitQueue.full
    const answer = this.commitQueue.submit({ puts: values, deletes: gone, effects: names })
    assert.equal(answer, this.#ended ? 'ended' : full ? 'busy' : 'accepted')
    if (this.#waiting.length >= commitQueueLimits.commitQueueSteps)
      assert.ok(full, 'the commit queue is not bounded')
    else if (full)
      assert.ok(mostBytesOf(this.#waiting) >= commitQueueLimits.commitQueueBytes, 'full, and holds little')
    if (answer !== 'accepted') return
    const writes = [
      ...values.map(({ table, id: name, value }) => ({ table, id: name, value: structuredClone(value) })),
      ...gone.map((entry) => ({ ...entry, value: undefined })),
    ]
    // The core goes on changing its objects.
    for (const { value } of values) value.step = 'changed later'
    if (writes.length > 0 || names.length > 0) this.#waiting.push({ writes, effects: names })
    this.accepted.push(...names)
  }

  next(): void {
    const next = this.commitQueue.next(this.nowMs)
    if (this.#ended || this.#sent !== undefined || this.#waiting.length === 0) {
      assert.equal(next, undefined, 'nothing is sent beside another, after the end, or for nothing')
      return
    }
    if (this.nowMs < this.#retryAtMs) {
      assert.deepEqual(next, { kind: 'wait', ms: this.#retryAtMs - this.nowMs })
      return
    }
    assert.ok(next !== undefined && next.kind !== 'wait')
    if (this.#kept === undefined) this.#fresh(next)
    else {
      assert.deepEqual(next, this.#kept, 'the same commit again')
      this.resent++
    }
    // A copy: what is kept must not change under us.
    this.#sent = structuredClone(next)
    this.requests++
  }

  #fresh(next: CommitQueueRequest): void {
    assert.equal(next.prev, this.#writeId, 'write ids chain')
    if (next.kind === 'touch') {
      assert.ok(this.#waiting[0]!.writes.length === 0, 'a touch although there is something to write')
      return
    }
    assert.equal(next.n, this.#seq + 1)
    assert.ok(!this.#writeIds.has(next.writeId), 'a write id was used twice')
    this.#writeIds.add(next.writeId)
    const counts = this.#counts(next)
    const writing = this.#waiting.slice(0, counts[0]).filter(({ writes }) => writes.length > 0)
    assert.ok(writing.length > 0)
    if (writing.length > 1) {
      assert.ok(next.puts.length + next.deletes.length <= commitQueueLimits.commitEntries, 'too many entries')
      assert.ok(bytesOf(next) <= commitQueueLimits.commitBytes, 'too many bytes')
    }
    const covered = counts.at(-1)!
    // No step waits that surely had room: group commit (protocol 4).
    const following = this.#waiting[covered]
    if (following === undefined) return
    const all = [...this.#waiting.slice(0, covered), following]
    assert.ok(
      all.flatMap(({ writes }) => writes).length > commitQueueLimits.commitEntries ||
        mostBytesOf(all) > commitQueueLimits.commitBytes,
      'a step was left behind that had room',
    )
  }

  /**
   * How many steps a commit may cover: those whose writes are exactly its entries. A deletion repeated adds
   * nothing.
   */
  #counts(commit: Commit): number[] {
    const counts = this.#waiting.map((_, at) => at + 1)
    const found = counts.filter((count) => says(commit, this.#waiting.slice(0, count)))
    assert.ok(found.length > 0, `no steps wrote ${JSON.stringify(commit)}`)
    return found
  }

  /** The steps of a commit that have these effects. */
  #covered(commit: Commit, effects: readonly string[]): number {
    const covered = this.#counts(commit).find((count) => this.#effectsOf(count).length === effects.length)
    assert.ok(covered !== undefined, `${effects} are not the effects of what the commit says`)
    return covered
  }

  #effectsOf(count: number): string[] {
    return this.#waiting.slice(0, count).flatMap(({ effects }) => effects)
  }

  settled(outcome: CommitOutcome): void {
    const sent = this.#sent
    if (sent === undefined) {
      assert.throws(() => this.commitQueue.settled(outcome, this.nowMs), { code: 'FIRESTEEL_INTERNAL' })
      return
    }
    const result = this.commitQueue.settled(outcome, this.nowMs)
    this.#sent = undefined
    switch (outcome.kind) {
      case 'ok':
      case 'duplicate':
        this.#succeeded(sent, result)
        return
      case 'refused':
      case 'unknown':
        assert.deepEqual(result, { released: [] })
        this.#kept = sent.kind === 'commit' ? sent : undefined
        this.#retryAtMs =
          this.nowMs +
          Math.min(
            commitQueueLimits.storeBackoffMaxMs,
            commitQueueLimits.storeBackoffFirstMs * 2 ** this.#failures++,
          )
        assert.equal(
          this.commitQueue.storeDegradation,
          outcome.kind === 'refused' ? outcome.code : 'STORE_UNAVAILABLE',
        )
        return
      default:
        assert.deepEqual(result, { released: [], ended: outcome })
        assert.equal(this.commitQueue.ended, outcome)
        this.#ended = true
        if (sent.kind === 'commit') this.#kept = sent
    }
  }

  #succeeded(sent: CommitQueueRequest, result: ReturnType<CommitQueue<string>['settled']>): void {
    assert.equal(result.ended, undefined)
    assert.equal(this.commitQueue.storeDegradation, undefined)
    // A touch covers the steps without writes that stood before it was formed; they are known by their
    // effects.
    let covered = 0
    if (sent.kind === 'touch') {
      while (this.#effectsOf(covered).length < result.released.length) covered++
      assert.ok(this.#waiting.slice(0, covered).every(({ writes }) => writes.length === 0))
      assert.ok(covered > 0, 'a touch released nothing')
    } else {
      assert.deepEqual(result.durable, { puts: sent.puts, deletes: sent.deletes })
      covered = this.#covered(sent, result.released)
      this.#writeId = sent.writeId
      this.#seq = sent.n
    }
    assert.deepEqual(result.released, this.#effectsOf(covered), 'released is what was covered, in order')
    if (sent.kind === 'touch') assert.equal(result.durable, undefined)
    this.#waiting = this.#waiting.slice(covered)
    this.released.push(...result.released)
    this.#kept = undefined
    this.#failures = 0
    this.#retryAtMs = 0
  }

  abandon(): void {
    const given = this.commitQueue.abandon()
    const inDoubt = this.#sent?.kind === 'commit' ? this.#sent : this.#kept
    const covered = inDoubt === undefined ? 0 : this.#covered(inDoubt, given.unknown)
    assert.deepEqual(
      given.unknown,
      this.#effectsOf(covered),
      'unknown is what was part of a commit once sent',
    )
    assert.deepEqual(
      given.neverSent,
      this.#waiting.slice(covered).flatMap(({ effects }) => effects),
    )
    this.#waiting = []
    this.#kept = undefined
    this.#sent = undefined
    this.#ended = true
    assert.deepEqual(this.commitQueue.abandon(), { unknown: [], neverSent: [] }, 'given once')
  }

  get ended(): boolean {
    return this.#ended
  }

  get inFlight(): boolean {
    return this.#sent !== undefined
  }
}

const ends: ReadonlySet<string> = new Set(['deposed', 'rewound', 'failed'])
const calls = fc.array(call, { maxLength: 80, size: 'max' })

test('safety: whatever is called and answered, effects leave once, in order, behind the commit that covers them', () => {
  const seen = { released: 0, resent: 0, ended: 0 }
  fc.assert(
    fc.property(calls, (all) => {
      const witness = new Witness()
      for (const one of all) witness.play(one)
      seen.released += witness.released.length
      seen.resent += witness.resent
      if (witness.ended) seen.ended++
    }),
    { numRuns: 2000 },
  )
  assert.ok(seen.released > 1000 && seen.resent > 100 && seen.ended > 100, JSON.stringify(seen))
})

test('liveness: once the store answers, all that was accepted leaves, in no more requests than steps', () => {
  fc.assert(
    fc.property(calls, (all) => {
      const witness = new Witness()
      for (const one of all) {
        if (one.kind === 'settled' && ends.has(one.outcome)) witness.play({ ...one, outcome: 'unknown' })
        else if (one.kind !== 'abandon') witness.play(one)
      }
      const before = witness.requests
      if (witness.inFlight) witness.settled(outcomeOf('ok', false))
      while (!witness.commitQueue.idle) {
        assert.ok(
          witness.requests - before <= commitQueueLimits.commitQueueSteps + 1,
          'it does not come to an end',
        )
        witness.nowMs += commitQueueLimits.storeBackoffMaxMs
        witness.next()
        witness.settled(outcomeOf('ok', false))
      }
      assert.deepEqual(witness.released, witness.accepted)
      assert.equal(witness.commitQueue.next(witness.nowMs), undefined)
    }),
    { numRuns: 1000 },
  )
})

test('an end is an end: no call brings anything out of a commit queue that was abandoned', () => {
  fc.assert(
    fc.property(calls, calls, (before, after) => {
      const witness = new Witness()
      for (const one of before) witness.play(one)
      witness.abandon()
      const { released } = witness
      const count = released.length
      for (const one of after) witness.play(one)
      assert.equal(released.length, count)
    }),
    { numRuns: 500 },
  )
})
