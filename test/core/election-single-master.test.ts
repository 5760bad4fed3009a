import assert from 'node:assert/strict'
import { test } from 'node:test'
import { singleMasterElection } from '../../actors/election/election-agent.js'
import { LAST_EPOCH } from '../../actors/election/hearsay.js'
import { leaderElectionAgent } from '../../actors/election/leader-election-agent.js'
import { deadlineMs, renewEveryMs } from '../../actors/election/lease.js'
import type { AgentMessage, ElectionMessage } from '../../actors/messages/election.js'
import { FiresteelError } from '../../runtime/errors.js'
import { silentLog } from '../../runtime/observe/log.js'
import { BlackHoleEngine } from '../../runtime/persistence/black-hole.js'
import type { CommitOutcome, LeaderRecord } from '../../runtime/persistence/engine.js'
import { type FormatRange, ownFormats } from '../../runtime/persistence/store-format.js'
import type { Ref } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { ownProtocols } from '../../runtime/transport/protocol-range.js'
import { VirtualTime } from '../tools/virtual-time.js'

const LEASE_MS = 2500

/** NONE, with answers that a test can change. */
class TestEngine extends BlackHoleEngine {
  touchOutcome: CommitOutcome | undefined
  leaderAnswer: (() => LeaderRecord) | undefined
  touches = 0

  override async touch(...request: Parameters<BlackHoleEngine['touch']>): Promise<CommitOutcome> {
    this.touches++
    return this.touchOutcome ?? super.touch(...request)
  }

  override async leader(): Promise<LeaderRecord | undefined> {
    return this.leaderAnswer ? this.leaderAnswer() : super.leader()
  }
}

function court(engine = new TestEngine(() => 0), observedEpoch = 0, formats?: FormatRange) {
  const time = new VirtualTime()
  const system = createSystem({ name: 'firesteel://test@h:1', clock: time, timers: time, epoch: () => 0 })
  const received: ElectionMessage[] = []
  const unrecoverable: string[] = []
  let resigned = 0
  const master = system.spawn<ElectionMessage>('Master', () => ({
    receive: (message) => void (message.type !== 'LeaderRecordSeen' && received.push(message)),
  }))
  const agent: Ref<AgentMessage> = system.spawn(
    'LeaderElectionAgent',
    leaderElectionAgent(
      master,
      (tellMaster) =>
        singleMasterElection({
          engine,
          owner: 'm1-1',
          address: 'firesteel://h:1',
          leaseMs: LEASE_MS,
          ...(formats && { formats }),
          observed: { epoch: observedEpoch, seq: 0 },
          recordCache: () => undefined,
          probeMaster: async () => 'unknown',
          clock: time,
          timers: time,
          random: () => 0.5,
          newWriteId: () => 'mark',
          log: silentLog,
          tellMaster,
          onUnrecoverable: ({ code }) => unrecoverable.push(code),
          onResigned: () => resigned++,
        }),
      () => {},
    ),
  )
  // The engine's answers are promises: what waits for them goes on a turn later.
  const settle = async () => {
    await system.idle()
    await new Promise((resolve) => setImmediate(resolve))
    await system.idle()
  }
  const pass = (ms: number) => time.advanceSettling(ms, settle)
  return {
    time,
    system,
    engine,
    heard: received,
    unrecoverable,
    agent,
    pass,
    resigned: () => resigned,
  }
}

const other = (parts: Partial<LeaderRecord>): LeaderRecord => ({
  epoch: 4,
  owner: 'other',
  address: 'firesteel://h:2',
  lock: '',
  position: { epoch: 4, seq: 9 },
  writeId: 'm',
  base: { epoch: 3, seq: 1 },
  touchedMs: 0,
  left: false,
  ownerGone: false,
  ...parts,
})

test('a single Master is elected at once, above every epoch it has heard of', async () => {
  const { heard: received, pass } = court(undefined, 6)
  await pass(1)
  assert.equal(received[0]?.type, 'ElectedLeader')
  assert.equal(received[0]?.type === 'ElectedLeader' && received[0].epoch, 7)
})

test('it renews every third of the lease and leads on', async () => {
  const { heard: received, engine, pass } = court()
  await pass(10 * LEASE_MS)
  assert.equal(received.length, 1)
  assert.ok(engine.touches >= 29 && engine.touches <= 31)
})

test('not confirmed until the deadline: revoked, without asking anybody', async () => {
  const { heard: received, engine, pass } = court()
  await pass(1)
  engine.touchOutcome = { kind: 'unknown', reason: 'the disk hangs' }
  await pass(deadlineMs(0, LEASE_MS) - 2)
  assert.equal(received.length, 1)
  await pass(3)
  assert.equal(received[1]?.type, 'RevokedLeadership')
})

test('one renewal may fail', async () => {
  const { heard: received, engine, pass } = court()
  await pass(1)
  engine.touchOutcome = { kind: 'unknown', reason: 'a stall' }
  await pass(renewEveryMs(LEASE_MS) + 10)
  engine.touchOutcome = undefined
  await pass(3 * LEASE_MS)
  assert.equal(received.length, 1)
})

for (const outcome of [
  { kind: 'deposed', epoch: 9, owner: 'x' },
  { kind: 'rewound', position: { epoch: 0, seq: 0 }, writeId: '' },
  { kind: 'failed', reason: 'fsync' },
] as const) {
  test(`a touch answered ${outcome.kind} revokes at once`, async () => {
    const { heard: received, engine, pass } = court()
    await pass(1)
    engine.touchOutcome = outcome
    await pass(renewEveryMs(LEASE_MS) + 1)
    assert.deepEqual(
      received.map(({ type }) => type),
      ['ElectedLeader', 'RevokedLeadership'],
    )
  })
}

test('what the Master reports as lost is revoked, once', async () => {
  const { heard: received, system, agent, pass } = court()
  await pass(1)
  system.tell(agent, { type: 'LeadershipLost', reason: 'its commit queue ended', observedEpoch: 3 })
  system.tell(agent, { type: 'LeadershipLost', reason: 'again', observedEpoch: 3 })
  await pass(2 * LEASE_MS)
  assert.equal(received.length, 2)
})

test('a commit confirms as well as a touch', async () => {
  const { heard: received, engine, system, agent, time, pass } = court()
  await pass(1)
  engine.touchOutcome = { kind: 'unknown', reason: 'touches fail' }
  for (let round = 0; round < 5; round++) {
    await pass(LEASE_MS / 2)
    system.tell(agent, { type: 'LeadershipConfirmed', sentAtMs: time.monotonicMs() })
  }
  assert.equal(received.length, 1)
})

test('another leader is waited for: a lease of staleness, or at once when it left or its process is gone', async () => {
  const engine = new TestEngine(() => 0)
  engine.leaderAnswer = () => other({})
  const elects: unknown[] = []
  engine.elect = async (request) => {
    elects.push(request.seen)
    return { kind: 'elected', epoch: 5, owner: 'm1-1', base: { epoch: 4, seq: 9 }, writeId: 'm' }
  }
  const { pass } = court(engine)
  await pass(LEASE_MS - 1)
  assert.deepEqual(elects, [])
  await pass(2)
  assert.deepEqual(elects, [{ epoch: 4, owner: 'other' }])
  for (const parts of [{ left: true }, { ownerGone: true }]) {
    engine.leaderAnswer = () => other(parts)
    elects.length = 0
    await court(engine).pass(1)
    assert.equal(elects.length, 1)
  }
})

test('a leader that shows life is never challenged', async () => {
  const engine = new TestEngine(() => 0)
  let touchedMs = 0
  engine.leaderAnswer = () => other({ touchedMs: touchedMs++ })
  const { heard: received, pass } = court(engine)
  await pass(10 * LEASE_MS)
  assert.deepEqual(received, [])
})

test('a store of another cluster or version is unrecoverable and said so; other failures are tried again', async () => {
  const engine = new TestEngine(() => 0)
  engine.leaderAnswer = () => {
    throw new FiresteelError('CLUSTER_MISMATCH', 'not ours')
  }
  const { unrecoverable, pass } = court(engine)
  await pass(10 * LEASE_MS)
  assert.deepEqual(unrecoverable, ['FIRESTEEL_CLUSTER_MISMATCH'])
  let tries = 0
  engine.leaderAnswer = () => {
    if (++tries < 3) throw new FiresteelError('STORE_UNAVAILABLE', 'away')
    return other({ left: true })
  }
  const later = court(engine)
  await later.pass(10 * LEASE_MS)
  assert.deepEqual(later.unrecoverable, [])
  assert.equal(tries >= 3, true)
})

test('a leader record of protocols or a format that this build does not know, or of the last epoch: it does not stand, and says so', async () => {
  const { min, max } = ownProtocols
  for (const [parts, code] of [
    [{ protocols: `${max + 1}-${max + 2}` }, 'FIRESTEEL_VERSION_UNSUPPORTED'],
    // No range that this build can read.
    [{ protocols: '2' }, 'FIRESTEEL_VERSION_UNSUPPORTED'],
    [{ protocols: `${min}-${max}-9` }, 'FIRESTEEL_VERSION_UNSUPPORTED'],
    [{ format: ownFormats.max + 1 }, 'FIRESTEEL_VERSION_UNSUPPORTED'],
    [{ epoch: LAST_EPOCH, position: { epoch: LAST_EPOCH, seq: 1 } }, 'FIRESTEEL_STORE_UNREADABLE'],
  ] as const) {
    const engine = new TestEngine(() => 0)
    engine.leaderAnswer = () => other({ left: true, ...parts })
    const { heard: received, unrecoverable, pass } = court(engine)
    await pass(10 * LEASE_MS)
    assert.deepEqual(unrecoverable, [code])
    // It tells its Master why, and is elected by nobody.
    const problems = received.map((told) => told.type === 'ElectionHindered' && told.problem?.code)
    assert.deepEqual(problems, [code])
  }
  // One in common is enough, and the record says what who was elected speaks.
  const engine = new TestEngine(() => 0)
  engine.leaderAnswer = () => other({ left: true, protocols: `${max}-${max + 7}` })
  let elected: string | undefined
  engine.elect = async ({ protocols }) => {
    elected = protocols
    return { kind: 'unknown', reason: 'a test' }
  }
  const { unrecoverable, pass } = court(engine)
  await pass(LEASE_MS)
  assert.deepEqual(unrecoverable, [])
  assert.equal(elected, `${min}-${max}`)
})

test('resigning leaves the record, revokes, and says when it is done; without a leadership it is done at once', async () => {
  const { heard: received, system, agent, engine, pass, resigned } = court()
  await pass(1)
  system.tell(agent, { type: 'ResignLeadership' })
  await pass(1)
  assert.equal((await engine.leader())?.left, true)
  assert.equal(received[1]?.type, 'RevokedLeadership')
  assert.equal(resigned(), 1)
  const waiting = new TestEngine(() => 0)
  waiting.leaderAnswer = () => other({})
  const candidate = court(waiting)
  await candidate.pass(1)
  candidate.system.tell(candidate.agent, { type: 'ResignLeadership' })
  await candidate.pass(2 * LEASE_MS)
  assert.equal(candidate.resigned(), 1)
  assert.deepEqual(candidate.heard, [])
})

test('an agent goes by the formats that its Master knows, not by those of the build', async () => {
  const newest = ownFormats.max + 1
  const engine = new TestEngine(() => 0)
  engine.leaderAnswer = () => other({ left: true, format: newest })
  const both = court(engine, 0, { min: ownFormats.max, max: newest })
  await both.pass(LEASE_MS)
  assert.deepEqual(both.unrecoverable, [])
  const later = court(engine, 0, { min: newest + 1, max: newest + 1 })
  await later.pass(LEASE_MS)
  assert.deepEqual(later.unrecoverable, ['FIRESTEEL_VERSION_UNSUPPORTED'])
  const empty = court(undefined, 0, { min: ownFormats.max, max: newest })
  await empty.pass(1)
  assert.equal(empty.heard[0]?.type === 'ElectedLeader' && empty.heard[0].format, newest)
})
