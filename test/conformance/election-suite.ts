import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { ElectionAgent, ElectionAgentContext } from '../../actors/election/election-agent.js'
import type { AgentMessage, ElectedLeader, ElectionMessage } from '../../actors/messages/election.js'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import type { PersistenceEngine, Position } from '../../runtime/persistence/engine.js'
import { waitUntil } from '../harness/wait-until.js'

/** What a candidate runs on: connections of a process of its own. */
export interface Contender {
  readonly engine: PersistenceEngine
  agent(context: ElectionAgentContext): ElectionAgent
  close(): Promise<void>
}

export interface ElectionUnderTest {
  readonly leaseMs: number
  open(): Contender | Promise<Contender>
  dispose(): Promise<void>
}

export type ElectionFactory = () => Promise<ElectionUnderTest>

/** What a STANDBY says of others, and of what keeps it from being elected. */
const others: ReadonlySet<string> = new Set<ElectionMessage['type']>(['LeaderRecordSeen', 'ElectionHindered'])

/** A message, and how many the candidates of the test had said before it. */
type Said = ElectionMessage & { readonly order: number }

/** An engine whose calls hang while it is cut off; how a frozen store or a broken network looks. */
class CutEngine {
  cut = false
  readonly engine: PersistenceEngine

  constructor(inner: PersistenceEngine) {
    const hangs = <T>(): Promise<T> => new Promise(() => {})
    this.engine = {
      leader: () => (this.cut ? hangs() : inner.leader()),
      elect: (request) => (this.cut ? hangs() : inner.elect(request)),
      read: (...page) => (this.cut ? hangs() : inner.read(...page)),
      touch: (...touch) => (this.cut ? hangs() : inner.touch(...touch)),
      commit: (...commit) => (this.cut ? hangs() : inner.commit(...commit)),
      leave: (fence) => (this.cut ? hangs() : inner.leave(fence)),
      quarantined: () => inner.quarantined(),
      close: () => inner.close(),
    }
  }
}

/** One Master's agent and all that it said. */
export class Candidate {
  readonly said: Said[] = []
  readonly owner: string
  readonly agent: ElectionAgent
  readonly #store: CutEngine
  resigned = 0

  constructor(
    owner: string,
    contender: Contender,
    leaseMs: number,
    received: Position,
    { holdOffMs = 0, nextOrder }: { readonly holdOffMs?: number; readonly nextOrder: () => number },
  ) {
    this.owner = owner
    this.#store = new CutEngine(contender.engine)
    const name = owner.slice(0, owner.indexOf('-'))
    // The module of a CUSTOM recovery knows its engine by what it made.
    const engine = Object.assign(Object.create(contender.engine) as PersistenceEngine, this.#store.engine)
    this.agent = contender.agent({
      engine,
      owner,
      address: `firesteel://${name}:7070`,
      leaseMs,
      observed: received,
      holdOffMs,
      recordCache: () => undefined,
      probeMaster: async () => 'unknown',
      clock: systemClock,
      random: Math.random,
      newWriteId: () => `mark-${Math.random()}`,
      log: silentLog,
      tellMaster: (message) => void this.said.push({ ...message, order: nextOrder() }),
      onUnrecoverable: (error) => {
        throw error
      },
      onResigned: () => {
        this.resigned++
      },
    })
  }

  /** Its store answers nothing any more. */
  cutOff(): void {
    this.#store.cut = true
  }

  tell(message: AgentMessage): void {
    this.agent.receive(message)
  }

  /** What it said of its own leadership. */
  get kinds(): string[] {
    return this.said.map(({ type }) => type).filter((type) => !others.has(type))
  }

  get elected(): (ElectedLeader & Said) | undefined {
    return this.said.find((message): message is ElectedLeader & Said => message.type === 'ElectedLeader')
  }

  get revoked(): Said | undefined {
    return this.said.find(({ type }) => type === 'RevokedLeadership')
  }

  get leads(): boolean {
    return this.elected !== undefined && this.revoked === undefined
  }
}

/** All candidates of one test. */
export class Electorate {
  readonly all: Candidate[] = []
  readonly #under: ElectionUnderTest
  readonly #contenders: Contender[] = []
  #received: Position = { epoch: 0, seq: 0 }
  #said = 0

  constructor(under: ElectionUnderTest) {
    this.#under = under
  }

  get leaseMs(): number {
    return this.#under.leaseMs
  }

  async candidate(owner: string, holdOffMs = 0): Promise<Candidate> {
    const contender = await this.#under.open()
    this.#contenders.push(contender)
    const one = new Candidate(owner, contender, this.leaseMs, this.#received, {
      holdOffMs,
      nextOrder: () => this.#said++,
    })
    this.all.push(one)
    return one
  }

  /** The only one that leads; waits until there is one. */
  async leader(deadlineMs = 20 * this.leaseMs): Promise<Candidate> {
    const found = await waitUntil('a leader', () => this.all.find(({ leads }) => leads), {
      deadlineMs,
      everyMs: 5,
    })
    this.onlyLeader()
    return found!
  }

  onlyLeader(): void {
    const leading = this.all.filter(({ leads }) => leads).map(({ owner }) => owner)
    assert.ok(leading.length <= 1, `${leading} lead at once`)
  }

  /** Nothing changes for so long. */
  async quiet(leases: number): Promise<void> {
    const before = this.all.map(({ kinds }) => kinds.join())
    const untilMs = performance.now() + leases * this.leaseMs
    await waitUntil('time to pass', () => performance.now() >= untilMs, { deadlineMs: 60_000, everyMs: 20 })
    assert.deepEqual(
      this.all.map(({ kinds }) => kinds.join()),
      before,
    )
  }

  /** As its process would: nothing of it answers any more. */
  end(candidate: Candidate): void {
    candidate.agent.close()
  }

  async close(): Promise<void> {
    for (const { agent } of this.all) agent.close()
    for (const contender of this.#contenders) await contender.close()
    await this.#under.dispose()
  }
}

/** The law of LeaderElectionAgents (protocol 5, 6): in real time, with a short lease. */
export function electionSuite(name: string, create: ElectionFactory): void {
  describe(`election: ${name}`, () => {
    let court: Electorate

    beforeEach(async () => {
      court = new Electorate(await create())
    })
    afterEach(() => court.close())

    test('of several candidates one is elected, and leads on as long as it renews', async () => {
      await Promise.all(['m1-1', 'm2-1', 'm3-1'].map((owner) => court.candidate(owner)))
      const leader = await court.leader()
      assert.equal(leader.agent.mayAct(), true)
      const others = court.all.filter((one) => one !== leader)
      await court.quiet(2)
      assert.deepEqual(leader.kinds, ['ElectedLeader'])
      for (const other of others) assert.equal(other.agent.mayAct(), false)
    })

    test('who resigns is succeeded by whom it tells; epochs rise; its fresh STANDBY goes last', async () => {
      const first = await court.candidate('m1-1')
      await court.leader()
      const second = await court.candidate('m2-1')
      await court.quiet(0.2)
      first.tell({ type: 'ResignLeadership' })
      await waitUntil('the leader to resign', () => first.resigned > 0, { everyMs: 1 })
      const again = await court.candidate('m1-2', 200)
      second.tell({ type: 'TakeOver' })
      const leader = await court.leader()
      assert.equal(leader, second)
      assert.ok(second.elected!.epoch > first.elected!.epoch)
      assert.deepEqual(second.elected!.base.epoch, first.elected!.epoch)
      assert.deepEqual(first.kinds, ['ElectedLeader', 'RevokedLeadership'])
      await court.quiet(1)
      assert.deepEqual(again.kinds, [])
    })

    test('who does not renew is revoked by itself, and only then succeeded', async () => {
      const first = await court.candidate('m1-1')
      await court.leader()
      await court.candidate('m2-1')
      await court.candidate('m3-1')
      // Long enough that nobody distrusts a server for having come back.
      await court.quiet(1.2)
      first.cutOff()
      const next = await waitUntil(
        'a successor',
        () => court.all.find((one) => one !== first && one.elected),
        { deadlineMs: 20 * court.leaseMs, everyMs: 5 },
      )
      const { order, epoch } = next!.elected!
      assert.ok(epoch > first.elected!.epoch)
      assert.ok(first.revoked !== undefined && first.revoked.order < order, 'both led')
      assert.equal(first.agent.mayAct(), false)
      await court.quiet(1)
      assert.deepEqual(first.kinds, ['ElectedLeader', 'RevokedLeadership'])
    })

    test('LeadershipLost revokes once; after that nothing is said; a fresh agent is elected above', async () => {
      const first = await court.candidate('m1-1')
      await court.leader()
      const observedEpoch = first.elected!.epoch + 3
      first.tell({ type: 'LeadershipLost', reason: 'a peer has seen a higher epoch', observedEpoch })
      first.tell({ type: 'LeadershipLost', reason: 'again', observedEpoch })
      await waitUntil('the end', () => first.revoked, { everyMs: 1 })
      assert.equal(first.agent.mayAct(), false)
      assert.deepEqual(first.agent.observed, { epoch: observedEpoch, seq: 0 })
      court.end(first)
      const fresh = await court.candidate('m1-2')
      fresh.tell({ type: 'PositionHeard', position: first.agent.observed })
      await court.leader(20_000)
      // On a busy machine its first round may come to nothing. It has then observed that epoch, which the
      // store confirms to it in the next round: it is its own.
      const { epoch, observed } = fresh.elected!
      assert.ok(observed.epoch >= observedEpoch, 'what was heard is forgotten')
      assert.ok(epoch > observedEpoch, 'elected below what was heard')
      assert.ok(epoch >= observed.epoch, 'elected below what it has observed')
      assert.deepEqual(first.kinds, ['ElectedLeader', 'RevokedLeadership'])
    })

    test('who resigns before it led says nothing, and is not elected any more', async () => {
      const first = await court.candidate('m1-1')
      await court.leader()
      const second = await court.candidate('m2-1')
      second.tell({ type: 'ResignLeadership' })
      await waitUntil('it to resign', () => second.resigned > 0, { everyMs: 1 })
      first.tell({ type: 'ResignLeadership' })
      await waitUntil('the leader to resign', () => first.resigned > 0, { everyMs: 1 })
      await court.quiet(1.2)
      assert.deepEqual(second.kinds, [])
      const third = await court.candidate('m3-1')
      assert.equal(await court.leader(), third)
    })
  })
}
