import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientCore } from '../../actors/client/client-core.js'
import type { ClientEffect, ClientInput } from '../../actors/client/client-steps.js'
import { MasterLinks } from '../../actors/client/master-links.js'
import type { ClientMessage } from '../../actors/messages/catalogue.js'
import { violation } from '../../actors/messages/catalogue.js'
import { summaryOfApplication } from '../../actors/messages/common.js'
import { applicationDescription } from '../../actors/messages/samples.js'

const M1 = 'firesteel://10.0.0.1:7070'
const M2 = 'firesteel://10.0.0.2:7070'
const APP = 'app-20260101000000-1-1'

/** One core, and what it did in each step. */
class Bench {
  readonly core: ClientCore
  last: ClientEffect[] = []

  constructor(masters = [M1, M2], summaries = false) {
    this.core = new ClientCore({
      masters,
      registration: 'r-1',
      description: applicationDescription,
      listen: { port: 4000 },
      masterTimeoutMs: 30_000,
      idleTimeoutMs: Number.POSITIVE_INFINITY,
      summaries,
    })
    this.take({ kind: 'start' })
  }

  take(input: ClientInput): ClientEffect[] {
    this.last = this.core.step(input)
    for (const effect of this.last) {
      if (effect.kind !== 'tell' && effect.kind !== 'ask') continue
      assert.equal(violation('master', effect.message), undefined)
    }
    return this.last
  }

  hear(from: string, epoch: number, message: ClientMessage, seq = 1): ClientEffect[] {
    assert.equal(violation('client', message), undefined)
    return this.take({ kind: 'message', from, position: { epoch, seq }, message })
  }

  link(peer: string, address: string): ClientEffect[] {
    return this.take({ kind: 'linkUp', peer, address })
  }

  leads(from: string, address: string, epoch: number): ClientEffect[] {
    this.link(from, address)
    return this.hear(from, epoch, { type: 'MasterChanged', master: address, web: null, masters: [M1, M2] })
  }

  registered(): this {
    this.leads('m1', M1, 1)
    this.hear('m1', 1, { type: 'RegisteredApplication', appId: APP, registration: 'r-1' }, 7)
    return this
  }

  told(type: string): Record<string, unknown>[] {
    return this.last.flatMap((effect) =>
      (effect.kind === 'tell' || effect.kind === 'ask') && effect.message.type === type
        ? [effect.message as unknown as Record<string, unknown>]
        : [],
    )
  }

  kinds(): string[] {
    return this.last.map(({ kind }) => kind)
  }

  /** The number of the ask in the last step. */
  asked(): number | 'why' {
    const ask = this.last.find((effect) => effect.kind === 'ask')
    assert.ok(ask?.kind === 'ask', 'nothing was asked')
    return ask.ask
  }

  added(execId: number): Extract<ClientMessage, { type: 'ExecutorAdded' }> {
    return { type: 'ExecutorAdded', appId: APP, execId, workerId: 'w1', host: 'h', cores: 1, memoryMib: 512 }
  }

  ended(execId: number): Extract<ClientMessage, { type: 'ExecutorUpdated' }> {
    return { type: 'ExecutorUpdated', appId: APP, execId, state: 'LOST', message: 'worker lost' }
  }
}

test('dials every Master and registers with the one that leads (R0)', () => {
  const bench = new Bench()
  assert.deepEqual(
    bench.last.filter(({ kind }) => kind === 'dial'),
    [
      { kind: 'dial', address: M1 },
      { kind: 'dial', address: M2 },
    ],
  )
  bench.link('m2', M2)
  bench.hear('m2', 0, { type: 'MasterInStandby', masters: [M1, M2] })
  assert.deepEqual(bench.told('RegisterApplication'), [], 'a standby is not asked')
  bench.leads('m1', M1, 1)
  assert.equal(bench.told('RegisterApplication').length, 1)
  assert.equal(bench.told('RegisterApplication')[0]?.registration, 'r-1')
})

test('repeats the registration until it is answered, with the same random id', () => {
  const bench = new Bench()
  bench.leads('m1', M1, 1)
  bench.take({ kind: 'timer', key: 'register' })
  assert.deepEqual(
    bench.told('RegisterApplication').map(({ registration }) => registration),
    ['r-1'],
  )
  bench.hear('m1', 1, { type: 'RegisteredApplication', appId: APP, registration: 'r-1' })
  assert.deepEqual(bench.kinds(), ['cancelTimer', 'cancelTimer', 'registered', 'startTimer', 'startTimer'])
  bench.take({ kind: 'timer', key: 'register' })
  assert.deepEqual(bench.last, [], 'a late timer does nothing')
  bench.hear('m1', 1, { type: 'RegisteredApplication', appId: 'app-other', registration: 'r-1' })
  assert.equal(bench.core.appId, APP, 'a second answer changes nothing')
})

test('a registration that a failover interrupts goes to the next leader with the same id', () => {
  const bench = new Bench()
  bench.leads('m1', M1, 1)
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'reset' })
  bench.leads('m2', M2, 2)
  assert.equal(bench.told('RegisterApplication')[0]?.registration, 'r-1')
})

for (const code of ['NOT_LEADER', 'BUSY', 'STORE_FULL', 'STORE_UNAVAILABLE']) {
  test(`a registration refused with ${code} is tried again`, () => {
    const bench = new Bench()
    bench.leads('m1', M1, 1)
    bench.hear('m1', 1, { type: 'Failure', code: `FIRESTEEL_${code}`, message: 'not now' })
    assert.deepEqual(bench.kinds(), ['startTimer'])
    bench.take({ kind: 'timer', key: 'register' })
    assert.equal(bench.told('RegisterApplication').length, 1)
  })
}

test('any other refusal of the registration is final', () => {
  const bench = new Bench()
  bench.leads('m1', M1, 1)
  bench.hear('m1', 1, { type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message: 'an older generation' })
  const end = bench.last.find((effect) => effect.kind === 'ended')
  assert.equal(end?.kind === 'ended' && end.reason?.code, 'FIRESTEEL_NOT_ALLOWED')
  assert.deepEqual(bench.leads('m2', M2, 2), [], 'nothing follows the end')
})

test('without a Master it ends with NO_MASTER and says what is wrong with each', () => {
  const bench = new Bench()
  bench.take({ kind: 'dialFailed', address: M1, reason: 'nothing listens there' })
  bench.link('m2', M2)
  bench.hear('m2', 0, { type: 'MasterInStandby', masters: [M2] })
  bench.take({ kind: 'timer', key: 'masterTimeout' })
  const [end] = bench.last
  assert.ok(end?.kind === 'ended' && end.reason)
  assert.equal(end.reason.code, 'FIRESTEEL_NO_MASTER')
  assert.match(end.reason.message, /10\.0\.0\.1:7070 \(nothing listens there\)/)
  assert.match(end.reason.message, /10\.0\.0\.2:7070 \(in standby\)/)
})

test('Masters that cannot be elected say why, and what to do: NO_MASTER repeats it', () => {
  const bench = new Bench()
  const problem = {
    code: 'FIRESTEEL_STORE_DENIED',
    message: 'This Redis refuses us: NOAUTH Authentication required.',
    help: 'Correct user and password.',
  }
  bench.link('m1', M1)
  bench.hear('m1', 0, { type: 'MasterInStandby', masters: [M1, M2], problem })
  bench.link('m2', M2)
  bench.hear('m2', 0, { type: 'MasterInStandby', masters: [M1, M2], problem })
  bench.take({ kind: 'timer', key: 'masterTimeout' })
  const [end] = bench.last
  assert.ok(end?.kind === 'ended' && end.reason)
  assert.equal(end.reason.code, 'FIRESTEEL_NO_MASTER')
  const because =
    'in standby, because FIRESTEEL_STORE_DENIED: This Redis refuses us: NOAUTH Authentication required'
  assert.ok(end.reason.message.includes(`${M1} (${because}), ${M2} (${because})`), end.reason.message)
  assert.equal(end.reason.help, 'Correct user and password.')
})

test('a reason that has passed is not repeated', () => {
  const bench = new Bench([M1])
  const problem = { code: 'FIRESTEEL_STORE_UNAVAILABLE', message: 'Redis does not answer', help: 'Start it.' }
  bench.link('m1', M1)
  bench.hear('m1', 0, { type: 'MasterInStandby', masters: [M1], problem })
  bench.hear('m1', 0, { type: 'MasterInStandby', masters: [M1] })
  bench.take({ kind: 'timer', key: 'masterTimeout' })
  const [end] = bench.last
  assert.ok(end?.kind === 'ended' && end.reason)
  assert.match(end.reason.message, /\(in standby\)/)
  assert.equal(end.reason.help, undefined)
})

test('a wrong secret ends it once nothing better is to be had, and is only logged after registration', () => {
  const reason = { code: 'FIRESTEEL_SECRET_WRONG', message: 'the secrets differ' }
  const only = new Bench([M1])
  only.take({ kind: 'refused', address: M1, reason })
  assert.deepEqual(only.last, [{ kind: 'ended', reason: { ...reason, help: undefined, place: undefined } }])
  const first = new Bench()
  first.take({ kind: 'refused', address: M1, reason })
  assert.deepEqual(first.kinds(), ['log'], 'the other may be ours')
  first.take({ kind: 'dialFailed', address: M2, reason: 'nothing listens there' })
  assert.deepEqual(first.kinds(), ['ended'])
  const second = new Bench()
  second.take({ kind: 'dialFailed', address: M2, reason: 'nothing listens there' })
  assert.deepEqual(second.kinds(), [], 'it may only be starting')
  second.take({ kind: 'refused', address: M1, reason })
  assert.deepEqual(second.kinds(), ['ended'])
  const met = new Bench()
  met.link('m2', M2)
  met.take({ kind: 'linkDown', peer: 'm2', reason: 'reset' })
  met.take({ kind: 'dialFailed', address: M2, reason: 'nothing listens there' })
  met.take({ kind: 'refused', address: M1, reason })
  assert.deepEqual(met.kinds(), ['log'], 'one that let us in comes back')
  const bench = new Bench().registered()
  bench.take({ kind: 'refused', address: M2, reason })
  assert.deepEqual(bench.kinds(), ['log'])
})

test('a failover is answered with all that the store does not keep', () => {
  const bench = new Bench().registered()
  for (const execId of [0, 1, 4]) bench.hear('m1', 1, bench.added(execId))
  bench.hear('m1', 1, bench.ended(1))
  bench.take({ kind: 'requestExecutors', total: 3, waiter: 0 })
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'reset' })
  assert.ok(bench.kinds().includes('masterLost'))
  bench.leads('m2', M2, 2)
  assert.deepEqual(bench.told('RegisterApplication'), [], 'it never registers again')
  const [answer] = bench.told('MasterChangeAcknowledged')
  assert.deepEqual(answer?.executors, [
    { execId: 0, workerId: 'w1' },
    { execId: 4, workerId: 'w1' },
  ])
  assert.equal(answer?.highestExecId, 4)
  assert.deepEqual(answer?.target, { request: 0, total: 3 })
  assert.deepEqual(answer?.registeredAt, { epoch: 1, seq: 7, owner: 'm1' })
  assert.equal(answer?.appId, APP)
  assert.deepEqual(bench.kinds().includes('executorUpdated'), false, 'the caller notices nothing')
})

test('the same leader on a new link is answered as well (R4)', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'reset' })
  bench.leads('m1', M1, 1)
  assert.equal(bench.told('MasterChangeAcknowledged').length, 1)
})

test('messages of a leadership that is over are not handled (R1)', () => {
  const bench = new Bench().registered()
  bench.leads('m2', M2, 2)
  bench.hear('m1', 1, bench.added(0))
  assert.deepEqual(bench.core.executors, [])
  bench.hear('m1', 1, { type: 'ApplicationRemoved', appId: APP, state: 'FAILED', message: 'old' })
  assert.equal(bench.kinds().includes('ended'), false)
  bench.leads('m1', M1, 2)
  assert.deepEqual(bench.told('MasterChangeAcknowledged'), [], 'one owner per epoch')
  bench.hear('m2', 2, bench.added(0))
  assert.equal(bench.core.executors.length, 1)
})

test('a late MasterChanged of an older epoch does not win the leadership back', () => {
  const bench = new Bench().registered()
  bench.leads('m2', M2, 5)
  bench.leads('m1', M1, 4)
  bench.take({ kind: 'requestExecutors', total: 1, waiter: 0 })
  const ask = bench.last.find((effect) => effect.kind === 'ask')
  assert.equal(ask?.kind === 'ask' && ask.to, 'm2')
})

test('a frozen leader is left for the next one; its word no longer counts when it thaws', () => {
  const bench = new Bench().registered()
  bench.leads('m2', M2, 2)
  assert.deepEqual(
    bench.last.filter(({ kind }) => kind === 'masterChanged'),
    [{ kind: 'masterChanged', master: M2, epoch: 2 }],
  )
  bench.hear('m1', 1, { type: 'ApplicationRemoved', appId: APP, state: 'KILLED', message: 'late' })
  assert.deepEqual(bench.kinds(), ['log'])
  bench.hear('m1', 0, { type: 'MasterInStandby', masters: [M1, M2], leader: M2 })
  assert.equal(bench.kinds().includes('masterLost'), false)
})

test('who speaks under a higher epoch ends the leadership that was known', () => {
  const links = new MasterLinks([M1, M2])
  links.linkUp('m1', M1)
  links.linkUp('m2', M2)
  const changed: ClientMessage = { type: 'MasterChanged', master: M1, web: null, masters: [M1, M2] }
  assert.equal(links.observed('m1', { epoch: 1, seq: 1 }, changed), 'leader')
  assert.deepEqual(links.leader, { incarnation: 'm1', address: M1, epoch: 1 })
  const other = { type: 'Failure', code: 'FIRESTEEL_BUSY', message: 'x' } as const
  assert.equal(links.observed('m2', { epoch: 2, seq: 1 }, other), 'current')
  assert.equal(links.leader, undefined)
})

test('a repeated ExecutorAdded counts once; a late one does not revive the ended', () => {
  const bench = new Bench().registered()
  bench.hear('m1', 1, bench.added(0))
  assert.deepEqual(bench.kinds(), ['executorAdded'])
  bench.hear('m1', 1, bench.added(0))
  assert.deepEqual(bench.kinds(), [])
  bench.hear('m1', 1, bench.ended(0))
  assert.deepEqual(bench.kinds(), ['executorUpdated'])
  bench.hear('m1', 1, bench.ended(0))
  assert.deepEqual(
    bench.last.map((effect) => effect.kind === 'executorUpdated' && effect.ended),
    [false],
  )
  bench.hear('m1', 1, bench.added(0))
  assert.deepEqual(bench.core.executors, [])
  assert.deepEqual(bench.told('KillExecutors')[0]?.execIds, [0], 'whoever runs it should stop')
})

test('executors of another application are none of ours', () => {
  const bench = new Bench().registered()
  bench.hear('m1', 1, { ...bench.added(0), appId: 'app-other' })
  assert.deepEqual(bench.last, [])
})

test('an executor given up is killed, and again under the next leader, until its end is told', () => {
  const bench = new Bench().registered()
  bench.hear('m1', 1, bench.added(3))
  bench.take({ kind: 'killExecutor', execId: 3, reason: 'silent' })
  const ask = bench.asked()
  bench.take({ kind: 'killExecutor', execId: 3, reason: 'silent' })
  assert.deepEqual(bench.last, [], 'once')
  bench.take({ kind: 'answered', ask, answer: { type: 'ExecutorsAnswer', done: true } })
  assert.deepEqual(bench.told('KillExecutors'), [])
  bench.leads('m2', M2, 2)
  assert.deepEqual(bench.told('KillExecutors')[0]?.execIds, [3])
  bench.hear('m2', 2, bench.ended(3))
  bench.leads('m1b', M1, 3)
  assert.deepEqual(bench.told('KillExecutors'), [])
})

test('requests for executors are numbered, one is out at a time, and the newest wins', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'requestExecutors', total: 2, waiter: 10 })
  assert.deepEqual(bench.told('RequestExecutors')[0], {
    type: 'RequestExecutors',
    appId: APP,
    request: 0,
    total: 2,
  })
  const first = bench.asked()
  bench.take({ kind: 'requestExecutors', total: 5, waiter: 11 })
  assert.deepEqual(bench.told('RequestExecutors'), [])
  bench.take({ kind: 'answered', ask: first, answer: { type: 'ExecutorsAnswer', done: true } })
  assert.deepEqual(bench.last[0], { kind: 'settled', waiter: 10, done: true })
  assert.equal(bench.told('RequestExecutors')[0]?.total, 5)
  bench.take({ kind: 'answered', ask: bench.asked(), answer: { type: 'ExecutorsAnswer', done: false } })
  assert.deepEqual(bench.last, [{ kind: 'settled', waiter: 11, done: false }])
})

test('a request that a Master cannot take now is sent again; a late answer of the old leader is ignored', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'requestExecutors', total: 2, waiter: 1 })
  const first = bench.asked()
  bench.take({ kind: 'answered', ask: first, answer: { code: 'FIRESTEEL_BUSY', message: 'later' } })
  assert.deepEqual(bench.kinds(), ['startTimer'])
  bench.take({ kind: 'timer', key: 'retry' })
  const second = bench.asked()
  bench.leads('m2', M2, 2)
  const third = bench.asked()
  bench.take({ kind: 'answered', ask: second, answer: { type: 'ExecutorsAnswer', done: false } })
  assert.deepEqual(bench.last, [])
  bench.take({ kind: 'answered', ask: third, answer: { type: 'ExecutorsAnswer', done: true } })
  assert.deepEqual(bench.last, [{ kind: 'settled', waiter: 1, done: true }])
})

for (const [state, code] of [
  ['KILLED', 'FIRESTEEL_APPLICATION_KILLED'],
  ['FAILED', 'FIRESTEEL_APPLICATION_FAILED'],
  ['FINISHED', 'FIRESTEEL_APPLICATION_FAILED'],
] as const) {
  test(`ApplicationRemoved(${state}) ends it with ${code}`, () => {
    const bench = new Bench().registered()
    bench.hear('m1', 1, { type: 'ApplicationRemoved', appId: APP, state, message: 'why' })
    const [end] = bench.last
    assert.equal(end?.kind === 'ended' && end.reason?.code, code)
  })
}

test('close() unregisters until it is confirmed, through a failover', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'close' })
  assert.equal(bench.told('UnregisterApplication').length, 1)
  bench.take({ kind: 'timer', key: 'unregister' })
  assert.equal(bench.told('UnregisterApplication').length, 1)
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'reset' })
  bench.leads('m2', M2, 2)
  assert.equal(bench.told('MasterChangeAcknowledged').length, 1, 'the new leader must hold what it ends')
  assert.equal(bench.told('UnregisterApplication').length, 1)
  bench.hear('m2', 2, { type: 'UnregisteredApplication', appId: APP })
  assert.deepEqual(bench.last, [{ kind: 'ended' }])
})

test('close() does not wait for ever for a Master', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'reset' })
  bench.take({ kind: 'close' })
  assert.deepEqual(bench.last, [{ kind: 'startTimer', key: 'unregisterTimeout', ms: 10_000 }])
  bench.take({ kind: 'timer', key: 'unregisterTimeout' })
  assert.deepEqual(bench.kinds(), ['log', 'ended'])
})

test('close() before anything was asked ends at once; after it, the registration is undone', () => {
  const fresh = new Bench()
  fresh.take({ kind: 'close' })
  assert.deepEqual(fresh.last, [{ kind: 'ended' }])
  const bench = new Bench()
  bench.leads('m1', M1, 1)
  bench.take({ kind: 'close' })
  bench.hear('m1', 1, { type: 'RegisteredApplication', appId: APP, registration: 'r-1' })
  assert.equal(bench.told('UnregisterApplication')[0]?.appId, APP)
  assert.equal(bench.kinds().includes('registered'), false)
})

test('Masters teach addresses', () => {
  const bench = new Bench(['firesteel://localhost:7070'])
  bench.link('m1', 'firesteel://localhost:7070')
  bench.hear('m1', 1, { type: 'MasterChanged', master: M1, web: null, masters: [M1] })
  assert.deepEqual(
    bench.last.filter(({ kind }) => kind === 'dial'),
    [{ kind: 'dial', address: M1 }],
  )
  bench.hear('m1', 1, { type: 'MasterInStandby', masters: [M1, M2], leader: M2 })
  assert.deepEqual(
    bench.last.filter(({ kind }) => kind === 'dial'),
    [{ kind: 'dial', address: M2 }],
    'each once; the hint as well',
  )
})

const waitingState = (message: string): Extract<ClientMessage, { type: 'MasterStateResponse' }> => ({
  type: 'MasterStateResponse',
  cluster: 'test',
  address: M1,
  web: null,
  rest: null,
  state: 'ALIVE',
  position: { epoch: 1, seq: 1 },
  leader: M1,
  sinceMs: 0,
  stale: false,
  masters: [],
  workers: [],
  activeApps: [
    {
      id: APP,
      description: summaryOfApplication(applicationDescription),
      state: 'WAITING',
      submittedAtMs: 0,
      endedAtMs: null,
      coresGranted: 0,
      driver: null,
      waiting: { reason: 'NO_ROOM', workers: [] },
      message,
    },
  ],
  executors: [],
  activeDrivers: [],
  completedApps: [],
  completedDrivers: [],
})

test('an application without an executor asks its Master why after 5 s, then each minute, and tells it', () => {
  const bench = new Bench().registered()
  const timers = () => bench.last.flatMap((effect) => (effect.kind === 'startTimer' ? [effect] : []))
  assert.deepEqual(timers(), [
    { kind: 'startTimer', key: 'waiting', ms: 5000 },
    { kind: 'startTimer', key: 'idle', ms: 1000 },
  ])
  bench.take({ kind: 'timer', key: 'waiting' })
  assert.deepEqual(timers(), [{ kind: 'startTimer', key: 'waiting', ms: 60_000 }])
  assert.deepEqual(bench.told('RequestMasterState'), [
    { type: 'RequestMasterState', of: APP, parts: ['activeApps'] },
  ])
  const message = 'waits: no Worker has 1 core, 128 MiB free now'
  bench.take({ kind: 'answered', ask: bench.asked(), answer: waitingState(message) })
  assert.deepEqual(bench.last, [{ kind: 'waits', waiting: { reason: 'NO_ROOM', workers: [] }, message }])
  bench.hear('m1', 1, bench.added(0))
  bench.take({ kind: 'timer', key: 'waiting' })
  assert.deepEqual(bench.last, [], 'it has an executor')
  bench.hear('m1', 1, bench.ended(0))
  assert.deepEqual(timers(), [{ kind: 'startTimer', key: 'waiting', ms: 5000 }], 'it has lost the last one')
  bench.take({ kind: 'requestExecutors', total: 0, waiter: 1 })
  bench.take({ kind: 'timer', key: 'waiting' })
  assert.deepEqual(bench.last, [{ kind: 'startTimer', key: 'waiting', ms: 60_000 }, { kind: 'wantsNone' }])
})

test('an application whose program ended all its executors says that it wants none', () => {
  const bench = new Bench().registered()
  bench.hear('m1', 1, bench.added(0))
  bench.take({ kind: 'killExecutors', execIds: [0], waiter: 1 })
  bench.hear('m1', 1, bench.ended(0))
  bench.take({ kind: 'timer', key: 'waiting' })
  assert.deepEqual(bench.last.at(-1), { kind: 'wantsNone' })
})

test('an application that gave its executors back for want of work does not say that it has none', () => {
  const bench = new Bench().registered()
  bench.hear('m1', 1, bench.added(0))
  bench.take({ kind: 'givenBack', execIds: [0] })
  bench.hear('m1', 1, bench.ended(0))
  bench.take({ kind: 'timer', key: 'waiting' })
  assert.deepEqual(bench.last, [])
})

test('an answer that comes when it has an executor again, or a refusal, tells nothing', () => {
  const bench = new Bench().registered()
  bench.take({ kind: 'timer', key: 'waiting' })
  const ask = bench.asked()
  bench.take({ kind: 'answered', ask, answer: { code: 'FIRESTEEL_LINK_CLOSED', message: 'the link ended' } })
  assert.deepEqual(bench.last, [])
  bench.hear('m1', 1, bench.added(0))
  bench.take({ kind: 'answered', ask, answer: waitingState('waits: no Worker is alive') })
  assert.deepEqual(bench.last, [])
})

test('idle executors are given back: first the lower total, then the kills, and none is held twice', () => {
  const bench = new Bench().registered()
  for (const execId of [0, 1, 2]) bench.hear('m1', 1, bench.added(execId))
  bench.take({ kind: 'timer', key: 'idle' })
  assert.deepEqual(bench.kinds(), ['look', 'startTimer'])
  bench.take({ kind: 'givenBack', execIds: [0, 2] })
  assert.deepEqual(
    bench.last.flatMap((effect) => (effect.kind === 'ask' ? [effect.message] : [])),
    [
      { type: 'RequestExecutors', appId: APP, request: 0, total: 1 },
      { type: 'KillExecutors', appId: APP, execIds: [0, 2] },
    ],
  )
  assert.equal(bench.core.isLowered, true)
  bench.take({ kind: 'givenBack', execIds: [0] })
  assert.deepEqual(bench.last, [], 'it is on its way')
  bench.take({ kind: 'workWaits' })
  assert.equal(bench.core.isLowered, false)
  bench.take({ kind: 'workWaits' })
  assert.deepEqual(bench.last, [])
})

test('a lower total looks for idle executors at once; killExecutors lowers the total with them', () => {
  const bench = new Bench().registered()
  for (const execId of [0, 1, 2]) bench.hear('m1', 1, bench.added(execId))
  bench.take({ kind: 'requestExecutors', total: 1, waiter: 3 })
  assert.ok(bench.kinds().includes('look'))
  assert.deepEqual(bench.core.surplus([{ execId: 2, idleMs: 0 }]), [2])
  const other = new Bench().registered()
  for (const execId of [0, 1, 2]) other.hear('m1', 1, other.added(execId))
  other.take({ kind: 'killExecutors', execIds: [1, 7], waiter: 4 })
  assert.deepEqual(other.told('RequestExecutors'), [
    { type: 'RequestExecutors', appId: APP, request: 0, total: 2 },
  ])
  assert.deepEqual(other.told('KillExecutors')[0]?.execIds, [1])
})

const summary = {
  ...{ overMs: 1000, done: 3, failed: 0, cancelled: 0, running: 1, atExecutors: 0, waiting: 0 },
  retries: { failure: 0, timeout: 0, executorLost: 0, threadLost: 0 },
  ...{ durations: [3], slowest: [], failures: [] },
}

test('a leader is told of the tasks once a second, and whoever leads next of all of them', () => {
  const bench = new Bench([M1, M2], true).registered()
  const look = () => bench.take({ kind: 'timer', key: 'summary' }).filter(({ kind }) => kind === 'summarize')
  assert.ok(
    bench.last.some(
      (effect) => effect.kind === 'startTimer' && effect.key === 'summary' && effect.ms === 1000,
    ),
  )
  assert.deepEqual(look(), [{ kind: 'summarize', anew: true }])
  bench.take({ kind: 'summary', summary })
  assert.deepEqual(bench.told('TasksSummarized'), [{ type: 'TasksSummarized', appId: APP, ...summary }])
  assert.deepEqual(look(), [{ kind: 'summarize', anew: false }])
  bench.take({ kind: 'linkDown', peer: 'm1', reason: 'it died' })
  assert.deepEqual(look(), [], 'there is nobody to tell')
  assert.ok(bench.kinds().includes('startTimer'))
  bench.leads('m2', M2, 2)
  assert.deepEqual(look(), [{ kind: 'summarize', anew: true }])
  bench.take({ kind: 'summary', summary })
  assert.deepEqual(
    bench.last.map((effect) => effect.kind === 'tell' && effect.to),
    ['m2'],
  )
  // What ended in the last moment is told before the end.
  const end = bench.take({ kind: 'close' })
  const kinds = end.map((effect) => (effect.kind === 'tell' ? effect.message.type : effect.kind))
  assert.ok(
    kinds.indexOf('summarize') >= 0 && kinds.indexOf('summarize') < kinds.indexOf('UnregisterApplication'),
  )
  assert.deepEqual(look(), [])
  assert.ok(!bench.kinds().includes('startTimer'))
})

test('without summaries nobody looks at the tasks', () => {
  const bench = new Bench().registered()
  assert.ok(!bench.last.some((effect) => effect.kind === 'startTimer' && effect.key === 'summary'))
  assert.ok(!bench.take({ kind: 'close' }).some(({ kind }) => kind === 'summarize'))
})
