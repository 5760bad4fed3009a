import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ElectionAgent } from '../../actors/election/election-agent.js'
import { leaderElectionAgent } from '../../actors/election/leader-election-agent.js'
import type { MasterInput } from '../../actors/master/master-input.js'
import { hasCause, type MasterTimer } from '../../actors/master/master-timer.js'
import { Step } from '../../actors/master/step.js'
import { TurnCauses } from '../../actors/master/turn-causes.js'
import type { AgentMessage, ElectionMessage } from '../../actors/messages/election.js'
import { ProcessCauses } from '../../actors/worker/process-causes.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { VirtualTime } from '../tools/virtual-time.js'

const now = { monotonicMs: 0, wallMs: 0 }
const cause = (id: number) => ({ id, trace: id })
const turnEnd: MasterInput = { kind: 'turnEnd' }

const about = (message: object): MasterInput =>
  ({ kind: 'message', from: 'w1', message }) as unknown as MasterInput

function launching(...driverIds: string[]): Step {
  const step = new Step(now)
  for (const driverId of driverIds) {
    step.put('driver', driverId, {})
    step.tell('w1', { type: 'LaunchDriver', driverId } as never)
  }
  return step
}

const told = (effects: ReturnType<TurnCauses['effectsOf']>) =>
  effects.flatMap(({ effect, cause }) => (effect.kind === 'tell' ? [cause?.id] : []))

const written = (effects: ReturnType<TurnCauses['effectsOf']>) =>
  effects.flatMap(({ effect, cause }) => (effect.kind === 'wrote' ? [[cause?.id, ...effect.writes]] : []))

function submitted(driverId: string): Step {
  const step = new Step(now)
  step.put('driver', driverId, {})
  return step
}

test('what a pass launches is caused by its submission, or else by what made room', () => {
  const causes = new TurnCauses(true)
  const submit = about({ type: 'RequestSubmitDriver' })
  const due = { dirty: true, capacity: 1 }
  assert.deepEqual(written(causes.effectsOf(submit, submitted('driver-1'), cause(1), due)), [
    [1, 'driver driver-1'],
  ])
  causes.effectsOf(submit, submitted('driver-2'), cause(2), due)
  causes.effectsOf(about({ type: 'DriverStateChanged', driverId: 'driver-0' }), new Step(now), cause(3), {
    dirty: true,
    capacity: 2,
  })
  const pass = causes.effectsOf(turnEnd, launching('driver-2', 'driver-9', 'driver-1'), undefined, {
    dirty: false,
    capacity: 2,
  })
  assert.deepEqual(told(pass), [2, 3, 1])
  assert.deepEqual(written(pass), [
    [2, 'driver driver-2'],
    [3, 'driver driver-9'],
    [1, 'driver driver-1'],
  ])
})

test('a pass that goes on keeps its causes, and a later one does not inherit them', () => {
  const causes = new TurnCauses(true)
  const due = { dirty: true, capacity: 1 }
  causes.effectsOf(about({ type: 'RequestSubmitDriver' }), submitted('driver-1'), cause(1), due)
  assert.deepEqual(told(causes.effectsOf(turnEnd, launching('driver-1'), undefined, due)), [1])
  const again = { ...due, dirty: false }
  assert.deepEqual(told(causes.effectsOf(turnEnd, launching('driver-1'), undefined, again)), [1])
  causes.effectsOf({ kind: 'linkDown', incarnation: 'w2', closedByKernel: true }, new Step(now), cause(7), {
    dirty: true,
    capacity: 2,
  })
  assert.deepEqual(told(causes.effectsOf(turnEnd, launching('driver-1'), undefined, again)), [7])
})

test('the last message of a turn that may have made room counts', () => {
  const causes = new TurnCauses(true)
  const report = about({ type: 'WorkerSchedulerStateResponse' })
  causes.effectsOf(report, new Step(now), cause(1), { dirty: true, capacity: 1 })
  causes.effectsOf(report, new Step(now), cause(2), { dirty: true, capacity: 2 })
  causes.effectsOf(report, new Step(now), cause(3), { dirty: true, capacity: 2 })
  assert.deepEqual(
    told(causes.effectsOf(turnEnd, launching('driver-1'), undefined, { dirty: false, capacity: 2 })),
    [2],
  )
})

test('without a ring nothing is kept, and causes still travel', () => {
  const causes = new TurnCauses(false)
  const step = launching('driver-1')
  const effects = causes.effectsOf(about({}), step, cause(4), { dirty: true, capacity: 1 })
  assert.deepEqual(told(effects), [4])
  assert.deepEqual(written(effects), [])
})

test('what waits for the store keeps no message alive that caused it', () => {
  const envelope = { ...cause(4), from: '/user/a', to: '/user/b', epoch: 0, message: { type: 'Large' } }
  for (const isTraced of [false, true]) {
    const effects = new TurnCauses(isTraced).effectsOf(about({}), launching('driver-1'), envelope, undefined)
    assert.deepEqual(
      effects.map((effect) => effect.cause),
      effects.map(() => ({ id: 4, trace: 4 })),
    )
  }
})

test('timers that wait for one thing have a cause; those that repeat have none', () => {
  const kinds = ['application', 'relaunch', 'adopt', 'workers-of', 'recovery-quiet', 'recovery-max']
  const others = ['again', 'sweep', 'pulse', 'kept-ends', 'launch', 'probe', 'lasted']
  const timers = [...kinds, ...others].map((kind) => ({ kind }) as MasterTimer)
  assert.deepEqual(
    timers.filter(hasCause).map(({ kind }) => kind),
    kinds,
  )
})

type Note = { readonly type: string }

test('a tick belongs to the trace of the message that its timer was given as cause', async () => {
  const time = new VirtualTime()
  const ring = new TraceRing(100)
  const system = createSystem({ name: 'x', clock: time, timers: time, epoch: () => 0, ring, firstId: 10 })
  const actor = system.spawn<Note>('a', ({ timers }) => ({
    receive: ({ type }, envelope) => {
      if (type === 'Set') timers.start('t', 5, { type: 'Tick' }, { cause: envelope })
    },
  }))
  system.tell(actor, { type: 'Set' })
  await system.idle()
  time.advance(5)
  await system.idle()
  assert.deepEqual(
    ring.snapshot().map(({ message, trace, parent }) => [message, trace, parent]),
    [
      ['Set', 10, undefined],
      ['Tick', 10, 10],
    ],
  )
})

test('what an actor notes stands in the ring with its cause, and reaches nobody', async () => {
  const time = new VirtualTime()
  const ring = new TraceRing(100)
  const system = createSystem({ name: 'x', clock: time, timers: time, epoch: () => 3, ring, firstId: 10 })
  const actor = system.spawn<Note>('a', (context) => ({
    receive: ({ type }) => context.note('/store', { type: `${type}ed` } as Message),
  }))
  system.tell(actor, { type: 'Committ' })
  await system.idle()
  const [, noted] = ring.snapshot()
  assert.deepEqual(
    [noted?.message, noted?.from, noted?.to, noted?.parent, noted?.epoch],
    ['Committed', 'x/user/a', '/store', 10, 3],
  )
  assert.equal(system.counters.messages, 1)
  assert.equal(system.counters.deadLetters, 0)
})

test('an election belongs to the trace of what began the campaign, although the store was asked between', async () => {
  const time = new VirtualTime()
  const ring = new TraceRing(100)
  const system = createSystem({ name: 'x', clock: time, timers: time, epoch: () => 0, ring, firstId: 10 })
  const master = system.spawn<ElectionMessage>('Master', () => ({ receive: () => {} }))
  let say: (message: ElectionMessage) => void = () => {}
  const agent = system.spawn<AgentMessage>(
    'LeaderElectionAgent',
    leaderElectionAgent(
      master,
      (tellMaster) => {
        say = tellMaster
        return { receive: () => {}, close: () => {} } as unknown as ElectionAgent
      },
      () => {},
    ),
  )
  system.tell(agent, { type: 'MasterLinkClosed', incarnation: 'm2-1' })
  system.tell(agent, { type: 'PositionHeard', position: { epoch: 1, seq: 1 } })
  await system.idle()
  say({ type: 'ElectionHindered' })
  say({ type: 'ElectedLeader' } as ElectionMessage)
  await system.idle()
  assert.deepEqual(
    ring.snapshot().map(({ message, parent }) => [message, parent]),
    [
      ['MasterLinkClosed', undefined],
      ['PositionHeard', undefined],
      ['ElectionHindered', undefined],
      ['ElectedLeader', 10],
    ],
  )
})

test('a process is caused by its launch, its end by what stopped it, and then it is forgotten', () => {
  const causes = new ProcessCauses()
  causes.remember('app-1/0', cause(1))
  assert.deepEqual(causes.of('app-1/0'), cause(1))
  causes.remember('app-1/0', cause(2))
  assert.deepEqual(causes.take('app-1/0'), cause(2))
  assert.equal(causes.of('app-1/0'), undefined)
})
