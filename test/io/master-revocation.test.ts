import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type ElectionAgent, singleMasterElection } from '../../actors/election/election-agent.js'
import { Hearsay } from '../../actors/election/hearsay.js'
import { MasterIncarnation } from '../../actors/master/master-incarnation.js'
import { MasterMetrics } from '../../actors/master/master-metrics.js'
import type { MasterRecovery } from '../../actors/master/master-recovery.js'
import { checked, type MasterMessage } from '../../actors/messages/catalogue.js'
import type { AgentMessage } from '../../actors/messages/election.js'
import { driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { BlackHoleEngine } from '../../runtime/persistence/black-hole.js'
import type { CommitOutcome, CommitRequest, Fence, Position } from '../../runtime/persistence/engine.js'
import { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { WireEnvelope } from '../../runtime/system/envelope.js'
import type { Message, Ref } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { systemTimers } from '../../runtime/timers.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import { MASTER_SUBJECT, type PeerIdentity } from '../../runtime/transport/identity.js'
import type { Link, LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { waitUntil } from '../harness/wait-until.js'
import { masterConfig } from '../tools/master-fixture.js'

const LEASE_MS = 1000

/** Notes who asks it for what; commits can be held back, to be answered late. */
class WatchedEngine extends BlackHoleEngine {
  readonly asked: string[] = []
  readonly #held: (() => void)[] = []
  holds = false

  get commits(): number {
    return this.asked.filter((asked) => asked.startsWith('commit')).length
  }

  constructor() {
    super(() => systemClock.wallMs())
  }

  override async commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    this.asked.push(`commit ${fence.owner}`)
    if (this.holds) await new Promise<void>((resolve) => this.#held.push(resolve))
    return super.commit(fence, request)
  }

  override touch(fence: Fence, ...rest: [lock: string, prev?: string]): Promise<CommitOutcome> {
    this.asked.push(`touch ${fence.owner}`)
    return super.touch(fence, ...rest)
  }

  override leave(fence: Fence): Promise<void> {
    this.asked.push(`leave ${fence.owner}`)
    return super.leave(fence)
  }

  override elect(request: Parameters<BlackHoleEngine['elect']>[0]) {
    this.asked.push(`elect ${request.me}`)
    return super.elect(request)
  }

  /** Everything held back is answered now. */
  answer(): void {
    this.holds = false
    for (const resolve of this.#held.splice(0)) resolve()
  }
}

/** A peer's end of a link, without a network between. */
class Wire {
  readonly sent: WireEnvelope[] = []
  readonly peer: PeerIdentity
  readonly localAddress = '127.0.0.1'
  readonly lastEnvelopeBytes = 0
  isOpen = true
  #receiver: LinkReceiver | undefined
  readonly #ended: ((end: LinkEnd) => void)[] = []
  #next = 1

  constructor(incarnation: string, role: PeerIdentity['role'], subject?: string) {
    const peer = { incarnation, role, cluster: 'test', address: '10.0.0.9:9', nodeMajor: 20, protocol: 1 }
    this.peer = { ...peer, ...(subject !== undefined && { subject, advertise: '10.0.0.9:9' }) }
  }

  get link(): Link {
    return this as unknown as Link
  }

  send(envelope: WireEnvelope): boolean {
    this.sent.push(structuredClone(envelope))
    return true
  }

  setReceiver(receiver: LinkReceiver): void {
    this.#receiver = receiver
  }

  whenEnded(listener: (end: LinkEnd) => void): void {
    this.#ended.push(listener)
  }

  close(detail = ''): void {
    if (!this.isOpen) return
    this.isOpen = false
    const end: LinkEnd = { kind: 'local', detail }
    for (const listener of this.#ended) listener(end)
    this.#receiver?.closed(end)
  }

  replace(reason: string): void {
    this.close(reason)
  }

  /** Says something to the Master; `ask` makes it a question. */
  say(message: MasterMessage, ask?: string): void {
    const envelope = {
      from: '/user/it',
      to: '/user/Master',
      message,
      id: this.#next,
      trace: this.#next++,
      epoch: 0,
    }
    this.#receiver?.envelope({ ...envelope, ...(ask !== undefined && { ask }) }, 0)
  }

  get types(): string[] {
    return this.sent.map(({ message }) => message.type)
  }

  answerTo(ask: string): Message | undefined {
    return this.sent.find(({ answer }) => answer === ask)?.message
  }
}

/** What a node keeps of one life, and more than it should: every reference. */
interface Life {
  readonly life: MasterIncarnation
  readonly gateway: Gateway<MasterMessage>
  readonly refs: Map<string, Ref<Message>>
  readonly agent: () => ElectionAgent
  readonly revoked: boolean[]
}

function node(t: TestContext) {
  const engine = new WatchedEngine()
  const recordCache = new RecordCache(60_000)
  let shown: Position = { epoch: 0, seq: 0 }
  const system: ActorSystem = createSystem({
    name: 'firesteel://test@127.0.0.1:7070',
    clock: systemClock,
    epoch: () => shown.epoch,
    seq: () => shown.seq,
  })
  t.after(() => system.shutdown())
  const live = (incarnation: string, received: Position): Life => {
    const gateway = new Gateway<MasterMessage>({
      system,
      check: (message) => checked('master', message),
      remotePath: () => '/user/it',
    })
    const refs = new Map<string, Ref<Message>>()
    const spawning = {
      ...proxied(system),
      spawn: ((name, behavior, options) => {
        const ref = system.spawn(name, behavior, options)
        refs.set(name, ref as Ref<Message>)
        return ref
      }) as ActorSystem['spawn'],
    } as ActorSystem
    let agent: ElectionAgent | undefined
    const recovery: MasterRecovery = {
      engine,
      agent: (context) => {
        agent = singleMasterElection(context)
        return agent
      },
      storeReachable: () => true,
      close: async () => {},
    }
    const revoked: boolean[] = []
    const life: MasterIncarnation = new MasterIncarnation({
      metrics: new MasterMetrics(),
      system: spawning,
      gateway,
      incarnation,
      recovery,
      recordCache,
      config: { ...masterConfig, leaseMs: LEASE_MS },
      hearsay: new Hearsay(received),
      holdOffMs: 0,
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      log: silentLog,
      newWriteId: () => `mark-${Math.random()}`,
      probeMaster: async () => 'unknown',
      probe: async () => false,
      mayHandOver: () => true,
      listener: (event) => {
        if (event.event === 'elected' || event.event === 'leaderObserved') shown = life.shell.position
        if (event.event === 'unrecoverable') throw event.error
        if (event.event === 'revoked') revoked.push(event.handedOver)
      },
    })
    return { life, gateway, refs, agent: () => agent!, revoked }
  }
  return { engine, image: recordCache, system, live }
}

/** Methods of the system, bound: its fields are private to it. */
function proxied(system: ActorSystem): Pick<ActorSystem, 'tell' | 'stop' | 'answer' | 'replyTo'> {
  return {
    tell: (...told) => system.tell(...told),
    stop: (ref) => system.stop(ref),
    answer: (...answer) => system.answer(...answer),
    replyTo: (envelope) => system.replyTo(envelope),
  }
}

const isAlive = ({ life }: Life) => life.shell.shown.snapshot().state === 'ALIVE'
const alive = (one: Life) =>
  waitUntil('a Master that is ALIVE', () => isAlive(one), { deadlineMs: 60_000, everyMs: 1 })

const registerWorker = (id: string): MasterMessage => ({
  type: 'RegisterWorker',
  ...workerOffer,
  id,
  name: id,
})
const report = (id: string): MasterMessage => ({ type: 'WorkerLatestState', id, executors: [], drivers: [] })
const submit = (key: string): MasterMessage => ({
  type: 'RequestSubmitDriver',
  key,
  description: driverDescription,
})

/** Everything that somebody with an old reference could try. */
function tryEverything({ life, refs, agent }: Life, system: ActorSystem): void {
  const shell = life.shell
  const master = refs.get('Master')!
  const agentRef = refs.get('LeaderElectionAgent')!
  const envelope = { from: '', to: '', message: { type: 'x' }, id: 1, trace: 1, epoch: 0 }
  const toMaster = [
    registerWorker('w1'),
    report('w1'),
    submit('k-late'),
    { type: 'Timer', timer: { kind: 'sweep' } },
    { type: 'Timer', timer: { kind: 'pulse' } },
    { type: 'Timer', timer: { kind: 'again' } },
    { type: 'MastersKnown', addresses: ['firesteel://127.0.0.1:7071'] },
    { type: 'BeginHandOver', reason: 'late' },
    { type: 'RevokedLeadership', reason: 'again' },
  ]
  for (const message of toMaster) {
    system.tell(master, message)
    shell.receive(message as never, { ...envelope, message })
  }
  shell.turnEnd()
  life.mastersKnown(['firesteel://127.0.0.1:7072'])
  const toAgent: AgentMessage[] = [
    { type: 'LeadershipConfirmed', sentAtMs: systemClock.monotonicMs() },
    { type: 'TakeOver' },
    { type: 'LeadershipLost', reason: 'late', observedEpoch: 99 },
    { type: 'MasterLinkClosed', incarnation: 'm2' },
    { type: 'ResignLeadership' },
  ]
  for (const message of toAgent) {
    system.tell(agentRef, message)
    agent().receive(message)
  }
}

test('revoked: the Master stops at once; nothing of it acts again, whoever holds its references and tries', async (t) => {
  const { engine, system, live } = node(t)
  const old = live('m1-1', { epoch: 0, seq: 0 })
  await alive(old)
  const worker = new Wire('w1', 'node')
  const client = new Wire('cli', 'client')
  for (const wire of [worker, client]) old.gateway.attach(wire.link)
  worker.say(registerWorker('w1'))
  worker.say(report('w1'))
  client.say(submit('k1'), 'first')
  await waitUntil('the launch', () => worker.types.includes('LaunchDriver'), { deadlineMs: 5000, everyMs: 1 })

  // One commit in flight, one step behind it, and questions that wait for both.
  await system.idle()
  const quiet = engine.commits
  engine.holds = true
  client.say(submit('k2'), 'in flight')
  await waitUntil('the commit', () => engine.commits > quiet, { deadlineMs: 5000, everyMs: 1 })
  const commitsBefore = engine.asked.length
  client.say(submit('k3'), 'behind')
  await system.idle()

  old.agent().receive({ type: 'LeadershipLost', reason: 'a peer has seen epoch 4', observedEpoch: 4 })
  await waitUntil('the end', () => old.revoked.length > 0, { deadlineMs: 5000, everyMs: 1 })
  assert.deepEqual(old.revoked, [false])
  assert.equal(old.agent().mayAct(), false)
  // Whoever asked hears at once what has come of it.
  const codeOf = (ask: string) => (client.answerTo(ask) as { code?: string } | undefined)?.code
  assert.equal(codeOf('in flight'), 'FIRESTEEL_OUTCOME_UNKNOWN')
  assert.equal(codeOf('behind'), 'FIRESTEEL_NOT_LEADER')

  // Its links still stand: this is the worst moment to try.
  const [toWorker, toClient] = [worker.sent.length, client.sent.length]
  tryEverything(old, system)
  client.say(submit('k4'), 'late')
  worker.say({ type: 'Heartbeat', workerId: 'w1', sentAtMs: 1 } as MasterMessage)
  engine.answer()
  await system.idle()
  assert.equal(codeOf('late'), 'FIRESTEEL_NOT_LEADER')
  assert.deepEqual(worker.types.slice(toWorker), [])
  assert.deepEqual(client.types.slice(toClient), ['Failure'])
  assert.deepEqual(
    engine.asked.slice(commitsBefore),
    [],
    'the store was asked by a Master that had been revoked',
  )
  assert.deepEqual(old.revoked, [false])
  const { epoch } = old.life.shell.position

  // A fresh STANDBY in the same process, under a new incarnation; the old one is tried again beside it.
  old.gateway.closeAll('its leadership is over')
  await old.life.end()
  assert.equal(await old.life.resign('nobody is left to say that it is done'), false)
  const fresh = live('m1-2', old.life.observed)
  assert.equal(fresh.life.shell.shown.snapshot().state, 'STANDBY')
  await alive(fresh)
  assert.ok(fresh.life.shell.position.epoch > Math.max(epoch, 4), 'not above what was heard')
  const again = new Wire('w1', 'node')
  fresh.gateway.attach(again.link)
  again.say(registerWorker('w1'))
  await waitUntil('its registration', () => again.types.includes('RegisteredWorker'), {
    deadlineMs: 5000,
    everyMs: 1,
  })
  const told = again.sent.length
  tryEverything(old, system)
  await system.idle()
  // Longer than any timer of the old one was set for.
  const untilMs = performance.now() + LEASE_MS
  await waitUntil('time to pass', () => performance.now() > untilMs, { deadlineMs: 10_000 })
  assert.deepEqual(again.types.slice(told), [])
  assert.deepEqual(
    engine.asked.slice(commitsBefore).filter((asked) => asked.endsWith(' m1-1')),
    [],
  )
  assert.equal(isAlive(fresh), true)
  assert.deepEqual([worker.sent.length, client.sent.length], [toWorker, toClient + 1])
  await fresh.life.end()
})

test('its own deadline revokes a Master whose store hangs; a late answer releases nothing', async (t) => {
  const { engine, system, live } = node(t)
  const old = live('m1-1', { epoch: 0, seq: 0 })
  await alive(old)
  const client = new Wire('cli', 'client')
  old.gateway.attach(client.link)
  const hangs = (): Promise<CommitOutcome> => new Promise(() => {})
  engine.touch = hangs
  engine.holds = true
  client.say(submit('k1'), 'in flight')
  await waitUntil('the end', () => old.revoked.length > 0, { deadlineMs: 5 * LEASE_MS, everyMs: 1 })
  engine.answer()
  await system.idle()
  const answers = client.sent.filter(({ answer }) => answer === 'in flight').map(({ message }) => message)
  assert.equal(answers.length, 1)
  assert.equal((answers[0] as { code?: string }).code, 'FIRESTEEL_OUTCOME_UNKNOWN')
  await old.life.end()
})

test('a leader leads on until its successor has read ahead, and takes nothing new from then on', async (t) => {
  const { engine, system, live } = node(t)
  const old = live('m1-1', { epoch: 0, seq: 0 })
  await alive(old)
  const client = new Wire('cli', 'client')
  const standby = new Wire('m2-1', 'node', MASTER_SUBJECT)
  for (const wire of [client, standby]) old.gateway.attach(wire.link)
  standby.say({ type: 'MasterInStandby', masters: [] })
  standby.say({ type: 'StandbyPulse', workersHeard: 0, storeReachable: true })
  await system.idle()

  const resigned = old.life.resign('a test')
  const asksToReadAhead = () =>
    standby.sent.some(({ message }) => (message as { handsOver?: boolean }).handsOver === true)
  await waitUntil('the question', asksToReadAhead, { deadlineMs: 5000, everyMs: 1 })
  client.say(submit('k1'), 'meanwhile')
  await waitUntil('the answer', () => client.answerTo('meanwhile'), { deadlineMs: 5000, everyMs: 1 })
  assert.equal(client.answerTo('meanwhile')?.type, 'SubmitDriverResponse')
  assert.equal(engine.asked.includes('leave m1-1'), false)

  standby.say({ type: 'StandbyPulse', workersHeard: 0, storeReachable: true, hasReadAhead: true })
  assert.equal(await resigned, true)
  client.say(submit('k2'), 'afterwards')
  await system.idle()
  assert.equal((client.answerTo('afterwards') as { code?: string }).code, 'FIRESTEEL_NOT_LEADER')
  assert.equal(standby.types.at(-1), 'HandOver')
  await old.life.end()
})
