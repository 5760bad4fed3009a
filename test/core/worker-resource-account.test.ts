import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ResourceAccount } from '../../actors/worker/resource-account.js'
import type { WorkerEffect } from '../../actors/worker/worker-events.js'
import { keyOfTimer, type WorkerTimer } from '../../actors/worker/worker-timer.js'
import {
  APP,
  DRIVER,
  identity,
  launchDriver,
  launchExecutor,
  ME,
  WorkerWorld,
} from '../tools/worker-fixture.js'

/*
 * S4 as a property: whatever the Master asks and however processes end, nothing is over-committed and nothing
 * leaks.
 */

const resources = fc.constantFrom<Record<string, string[]>>(
  {},
  {},
  { gpu: ['0'] },
  { gpu: ['1'] },
  { gpu: ['0', '1'] },
)

const action = fc.oneof(
  fc.record({
    do: fc.constant('executor' as const),
    execId: fc.nat(12),
    cores: fc.integer({ min: 1, max: 3 }),
    memoryMib: fc.integer({ min: 1, max: 2500 }),
    resources,
  }),
  fc.record({
    do: fc.constant('driver' as const),
    number: fc.nat(1),
    generation: fc.integer({ min: 1, max: 4 }),
    cores: fc.integer({ min: 1, max: 3 }),
    supervise: fc.boolean(),
    resources,
  }),
  fc.record({ do: fc.constant('killExecutor' as const), execId: fc.nat(12) }),
  fc.record({
    do: fc.constant('killDriver' as const),
    number: fc.nat(1),
    generation: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ do: fc.constant('fork' as const), fails: fc.boolean(), pick: fc.nat() }),
  fc.record({ do: fc.constant('end' as const), exitCode: fc.constantFrom(0, 1), pick: fc.nat() }),
  fc.record({ do: fc.constant('timer' as const), pick: fc.nat() }),
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

/**
 * The machine below the Worker: which processes are being made, run, were told to stop; which timers wait.
 */
class Machine {
  readonly world = WorkerWorld.registered()
  readonly starting = new Map<string, { cores: number; gpus: readonly string[] }>()
  readonly running = new Map<string, { cores: number; gpus: readonly string[] }>()
  readonly timers = new Map<string, WorkerTimer>()
  readonly everStarted = new Set<string>()

  apply(effects: readonly WorkerEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'startExecutor' || effect.kind === 'startDriver') {
        assert.ok(!this.everStarted.has(effect.process), `R6: ${effect.process} starts once`)
        this.everStarted.add(effect.process)
        const { launch } = effect
        const cores = launch.type === 'LaunchDriver' ? launch.description.cores : launch.cores
        this.starting.set(effect.process, { cores, gpus: launch.resources.gpu ?? [] })
      } else if (effect.kind === 'startTimer') this.timers.set(keyOfTimer(effect.timer), effect.timer)
      else if (effect.kind === 'cancelTimer') this.timers.delete(keyOfTimer(effect.timer))
      else if (effect.kind === 'stopProcess') {
        assert.ok(this.running.has(effect.process), 'only what runs can be stopped')
      }
    }
    this.check()
  }

  check(): void {
    const held = [...this.starting.values(), ...this.running.values()]
    const cores = held.reduce((sum, holding) => sum + holding.cores, 0)
    const gpus = held.flatMap((holding) => holding.gpus)
    assert.ok(cores <= identity.cores, 'S4: cores of living processes')
    assert.equal(new Set(gpus).size, gpus.length, 'S4: one holder for each address')
    const status = this.world.core.status()
    assert.ok(status.coresUsed <= status.cores && status.coresUsed >= cores, 'S4: books')
    assert.ok(status.memoryMibUsed <= status.memoryMib && status.memoryMibUsed >= 0, 'S4: memory')
    const generations = [...this.starting.keys(), ...this.running.keys()]
      .filter((process) => process.startsWith('driver-'))
      .map((process) => process.split('/')[0])
    assert.equal(new Set(generations).size, generations.length, 'S3: one generation of a driver at a time')
  }

  do(step: Action): void {
    const { world } = this
    switch (step.do) {
      case 'executor': {
        const { execId, cores, memoryMib, resources: wanted } = step
        this.apply(world.hear(launchExecutor(execId, { cores, memoryMib, resources: wanted })))
        return
      }
      case 'driver': {
        const { number, generation, cores, supervise, resources: wanted } = step
        const where = { driverId: `${DRIVER}${number}`, resources: wanted }
        this.apply(world.hear(launchDriver(generation, { cores, supervise }, where)))
        return
      }
      case 'killExecutor':
        this.apply(world.hear({ type: 'KillExecutor', workerId: ME, appId: APP, execId: step.execId }))
        return
      case 'killDriver': {
        const driverId = `${DRIVER}${step.number}`
        const { generation } = step
        this.apply(world.hear({ type: 'KillDriver', workerId: ME, driverId, generation }))
        return
      }
      case 'fork':
        this.fork(step.pick, step.fails)
        return
      case 'end':
        this.end(step.pick, step.exitCode)
        return
      case 'timer': {
        const timer = pick([...this.timers.values()], step.pick)
        if (timer === undefined) return
        this.timers.delete(keyOfTimer(timer))
        this.apply(world.timer(timer))
        return
      }
    }
  }

  fork(which: number, fails: boolean): void {
    const process = pick([...this.starting.keys()], which)
    if (process === undefined) return
    const holding = this.starting.get(process)!
    this.starting.delete(process)
    if (fails) {
      this.apply(
        this.world.step({
          kind: 'startFailed',
          process,
          failure: { code: 'FIRESTEEL_SPAWN_FAILED', message: 'no' },
        }),
      )
      return
    }
    this.running.set(process, holding)
    this.apply(this.world.started(process))
  }

  end(which: number, exitCode: number): void {
    const process = pick([...this.running.keys()], which)
    if (process === undefined) return
    this.running.delete(process)
    this.world.later(10)
    this.apply(this.world.ended(process, { exitCode }))
  }

  drain(): void {
    while (this.starting.size + this.running.size + restarts(this.timers).length > 0) {
      while (this.starting.size > 0) this.fork(0, false)
      while (this.running.size > 0) this.end(0, 0)
      for (const timer of restarts(this.timers)) {
        this.timers.delete(keyOfTimer(timer))
        this.apply(this.world.timer(timer))
      }
    }
  }
}

const restarts = (timers: ReadonlyMap<string, WorkerTimer>): WorkerTimer[] =>
  [...timers.values()].filter(({ kind }) => kind === 'restart')

function pick<T>(items: readonly T[], which: number): T | undefined {
  return items.length === 0 ? undefined : items[which % items.length]
}

test('S4: random launches, kills and ends never over-commit, and the account returns to zero', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80, size: 'max' }), (steps) => {
      const machine = new Machine()
      for (const step of steps) machine.do(step)
      machine.drain()
      const status = machine.world.core.status()
      assert.deepEqual(
        [status.coresUsed, status.memoryMibUsed, status.resourcesUsed, status.executors, status.drivers],
        [0, 0, {}, [], []],
      )
    }),
    { numRuns: 300 },
  )
})

/** Many generations of one driver, and little else: what they do to each other is rare among other work. */
const generationAction = fc.oneof(
  fc.record({
    do: fc.constant('driver' as const),
    number: fc.constant(0),
    generation: fc.integer({ min: 1, max: 20 }),
    cores: fc.constant(1),
    supervise: fc.constant(true),
    resources: fc.constant({}),
  }),
  fc.record({
    do: fc.constant('killDriver' as const),
    number: fc.constant(0),
    generation: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({ do: fc.constant('fork' as const), fails: fc.constant(false), pick: fc.nat() }),
  fc.record({ do: fc.constant('end' as const), exitCode: fc.constant(1), pick: fc.nat() }),
  fc.record({ do: fc.constant('timer' as const), pick: fc.nat() }),
)

test('S3: the generations of one driver never run side by side on a Worker', () => {
  fc.assert(
    fc.property(fc.array(generationAction, { maxLength: 40, size: 'max' }), (steps) => {
      const machine = new Machine()
      for (const step of steps) machine.do(step)
      machine.drain()
      assert.equal(machine.world.core.status().coresUsed, 0)
    }),
    { numRuns: 300 },
  )
})

test('S5: every launch that was decided is answered by exactly one newest change', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60, size: 'max' }), (steps) => {
      const machine = new Machine()
      machine.world.linkDown()
      for (const step of steps) machine.do(step)
      machine.drain()
      machine.world.leads('m9-cccc', 9)
      const subjects = machine.world
        .tells()
        .flatMap(({ message }) =>
          message.type === 'ExecutorStateChanged'
            ? [`${message.appId}/${message.execId}`]
            : message.type === 'DriverStateChanged'
              ? [`${message.driverId}/${message.generation}`]
              : [],
        )
      assert.equal(new Set(subjects).size, subjects.length)
      const started = new Set(
        [...machine.everStarted].map((process) => process.split('/').slice(0, 2).join('/')),
      )
      for (const subject of started) assert.ok(subjects.includes(subject), `${subject} is reported`)
    }),
    { numRuns: 200 },
  )
})

test('a resource named as what every object is born with is refused like any other that is not there', () => {
  const account = new ResourceAccount({ cores: 1, memoryMib: 1, resources: {} })
  const refusal = account.take('x', { cores: 1, memoryMib: 1, resources: { constructor: ['0'] } })
  assert.equal(refusal, 'needs constructor 0, which this Worker does not have')
})
