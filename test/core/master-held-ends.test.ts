import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { driverDigest } from '../../actors/master/driver-digest.js'
import type { DriverRecord, WorkerRecord } from '../../actors/master/records.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/*
 * A former leader acknowledged the end of generation 1 on `w1` and launched generation 2 on `w2`. The store
 * fell to before both. `w1` tells its end again before `w2` has reported (protocol 12.4).
 */

const ID = 'driver-20260101000000-6-0001'
const EPOCH = 7
const base = { epoch: 5, seq: 80 }
const lost = { epoch: 6, seq: 95 }
const below = { epoch: 5, seq: 70 }
const launchedAt = { epoch: 6, seq: 90, owner: 'm9' }

interface Fall {
  readonly supervise?: boolean
  /** Workers that the store knows. */
  readonly known?: readonly string[]
  readonly record?: Partial<DriverRecord>
  /** What Workers have told this Master before it was elected. */
  readonly observed?: typeof base
  /** Ids of more such drivers. */
  readonly others?: readonly string[]
}

const ports: Readonly<Record<string, number>> = { w1: 7001, w2: 7002, w3: 7003 }

const workerRecord = (id: string): WorkerRecord => ({
  ...workerOffer,
  id,
  name: id,
  port: ports[id]!,
  draining: false,
  at: below,
})

const end: DriverStateChanged = {
  type: 'DriverStateChanged',
  workerId: 'w1',
  driverId: ID,
  generation: 1,
  attempt: 1,
  change: 1,
  state: 'KILLED',
}

/** The store forgot the launch of generation 1 as well. */
const waiting = { state: 'SUBMITTED', generation: 0, launchedUnder: 0, workerId: null } as const

class Fallen extends MasterWorld {
  #description = driverDescription

  fall({
    supervise = true,
    known = ['w1', 'w2'],
    record = {},
    observed = lost,
    others = [],
  }: Fall = {}): this {
    this.#description = { ...driverDescription, supervise }
    const driver: DriverRecord = {
      id: ID,
      submittedAtMs: 1,
      description: this.#description,
      key: 'k1',
      digest: driverDigest(this.#description),
      state: 'RUNNING',
      wanted: 'RUN',
      generation: 1,
      launchedUnder: 5,
      workerId: 'w1',
      resources: {},
      at: below,
      ...record,
    }
    const workers = known.map(workerRecord)
    const drivers = [driver, ...others.map((id) => ({ ...driver, id, key: id }))]
    this.store.set('driver', new Map(drivers.map((one) => [one.id, one])))
    this.store.set('worker', new Map(workers.map((worker) => [worker.id, worker])))
    this.input({ kind: 'elected', epoch: EPOCH, owner: 'm1', base, earlier: [], observed, format: 1 })
    return this.restore({ ...noRecords, workers, drivers })
  }

  comes(id: string): this {
    this.link(id)
    if (!this.core.cluster!.workers.has(id)) this.registerWorker(id, { port: ports[id]! })
    return this
  }

  /** Ends go before the report (protocol R4). */
  tellsEnd(parts: Partial<DriverStateChanged> = {}, seen = lost): this {
    this.comes('w1')
    this.tell('w1', { ...end, ...parts })
    this.report('w1', { seen })
    return this
  }

  runs(): this {
    this.comes('w2')
    const description = this.#description
    const runs = { driverId: ID, generation: 2, attempt: 1, state: 'RUNNING', resources: {} } as const
    this.report('w2', { seen: lost, drivers: [{ ...runs, description, launchedAt }] })
    return this
  }

  get driver() {
    const { record } = this.core.cluster!.drivers.get(ID) ?? {}
    return record && { state: record.state, generation: record.generation, workerId: record.workerId }
  }

  get outcome() {
    return {
      driver: this.driver,
      ended: this.snapshot().completedDrivers.map(({ state }) => state),
      kills: ['w1', 'w2', 'w3'].flatMap((id) =>
        this.toldTo(id, 'KillDriver').map((kill) => `${id}/${kill.generation}`),
      ),
      launches: ['w1', 'w2', 'w3'].flatMap((id) => this.toldTo(id, 'LaunchDriver').map(() => id)),
      acknowledged: this.toldTo('w1', 'ChangesAcknowledged').flatMap(({ changes }) => changes),
    }
  }
}

/** `w1` is told to kill what has ended there. It answers with that end. */
const runsOn = {
  driver: { state: 'RUNNING', generation: 2, workerId: 'w2' },
  ended: [],
  kills: ['w1/1'],
  launches: [],
  acknowledged: [1],
}

const endings: readonly (readonly [string, Partial<DriverStateChanged>])[] = [
  ['KILLED, for new content or because it was LOST', { state: 'KILLED' }],
  ['FINISHED', { state: 'FINISHED', exitCode: 0 }],
  ['FAILED and given up', { state: 'FAILED', exitCode: 1, givenUp: true }],
  ['FAILED', { state: 'FAILED', exitCode: 1 }],
  ['without room', { state: 'FAILED', noRoom: true }],
  ['stopped', { state: 'KILLED', stopped: true }],
]

describe('a later generation runs on another Worker, which reports after the end of the earlier one', () => {
  for (const supervise of [true, false]) {
    for (const [name, parts] of endings) {
      test(`${supervise ? 'supervised' : 'not supervised'}, ${name}: it runs on`, () => {
        const world = new Fallen().fall({ supervise }).tellsEnd(parts).runs()
        world.advance(5000)
        assert.deepEqual(world.outcome, runsOn)
      })
    }
  }

  test('nobody has told this Master that the store fell', () => {
    assert.deepEqual(new Fallen().fall({ observed: base }).tellsEnd().runs().outcome, runsOn)
  })

  test('the store has its submission only', () => {
    const world = new Fallen().fall({ supervise: false, record: waiting }).tellsEnd().runs()
    assert.deepEqual(world.outcome, { ...runsOn, kills: [] })
  })

  test('its Worker is silent for longer than the recovery takes', () => {
    const world = new Fallen().fall().tellsEnd()
    world.advance(limits.recoveryMaxMs)
    assert.equal(world.core.state, 'ALIVE')
    assert.deepEqual(world.runs().outcome, runsOn)
  })

  test('a Master gives the record of the later generation back', () => {
    const world = new Fallen().fall().tellsEnd()
    world.advance(limits.recoveryMaxMs)
    const record = { ...world.core.cluster!.drivers.get(ID)!.record, generation: 2, workerId: 'w2' }
    const value = { ...record, launchedUnder: launchedAt.epoch, at: lost }
    world.input({ kind: 'lostWrites', records: [{ table: 'driver', id: ID, value }] })
    assert.deepEqual(world.outcome, runsOn)
    assert.deepEqual(world.runs().outcome, runsOn)
  })

  test('its Worker has registered anew, and its link breaks before it has reported', () => {
    const world = new Fallen()
      .fall({ known: ['w1'] })
      .comes('w2')
      .tellsEnd()
    world.advance(limits.recoveryMaxMs)
    assert.equal(world.core.state, 'ALIVE')
    world.unlink('w2')
    assert.deepEqual(world.runs().outcome, runsOn)
  })

  test('the store forgot its Worker, which is linked', () => {
    const world = new Fallen().fall({ known: ['w1'] })
    world.link('w2')
    assert.deepEqual(world.tellsEnd().runs().outcome, runsOn)
  })
})

const waitingDriver = { state: 'SUBMITTED', generation: 0, workerId: null }

const ended = (state: string) => ({
  driver: undefined,
  ended: [state],
  kills: [],
  launches: [],
  acknowledged: [1],
})

describe('no later generation comes', () => {
  test('after a failover without a fall it has ended as soon as recovery is over', () => {
    const world = new Fallen().fall({ observed: base }).tellsEnd({ state: 'FINISHED', exitCode: 0 }, base)
    assert.deepEqual(world.outcome.acknowledged, [])
    world.advance(limits.recoveryQuietMs)
    assert.equal(world.core.state, 'ALIVE')
    assert.deepEqual(world.outcome, ended('FINISHED'))
  })

  test('all Workers have reported: it has ended at once', () => {
    const world = new Fallen().fall().tellsEnd()
    world.comes('w2').report('w2')
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('the silent Worker is dead: it has ended', () => {
    const world = new Fallen().fall().tellsEnd()
    // The first sweep has it probed.
    world.advance(limits.workerTimeoutMs / limits.heartbeatsPerTimeout)
    for (let tries = 1; tries <= innerLimits.workerProbes; tries++) {
      assert.deepEqual([world.probes.length, world.outcome.acknowledged], [tries, []])
      world.input({ kind: 'probed', workerId: 'w2', refused: true })
      world.advance(innerLimits.workerProbeEveryMs)
    }
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('a linked Worker never reports: it has ended when no record cache is left', () => {
    const world = new Fallen().fall({ known: ['w1'] })
    world.link('w2')
    world.tellsEnd()
    world.advance(limits.leaseMs + limits.recordCacheGraceMs - 1)
    assert.deepEqual(world.outcome.acknowledged, [])
    world.advance(1)
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('a linked Worker that nobody knows has gone: it has ended at once', () => {
    const world = new Fallen().fall({ known: ['w1'] })
    world.link('w2')
    world.tellsEnd()
    world.advance(limits.recoveryMaxMs)
    assert.deepEqual(world.outcome.acknowledged, [])
    world.unlink('w2')
    world.input({ kind: 'turnEnd' })
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('a supervised one that was stopped is launched with the first pass after recovery', () => {
    const world = new Fallen().fall({ observed: base })
    world.comes('w2').report('w2')
    assert.equal(world.core.state, 'RECOVERING')
    world.tellsEnd({ isolated: true }, base)
    assert.equal(world.core.state, 'ALIVE')
    assert.equal(world.outcome.launches.length, 1)
    assert.equal(world.driver?.generation, 2)
  })

  test('the store has its submission only: it is not launched meanwhile, and then it has ended', () => {
    const world = new Fallen().fall({ supervise: false, record: waiting, known: ['w1', 'w2', 'w3'] })
    world.tellsEnd({ state: 'FINISHED', exitCode: 0 })
    world.comes('w3').report('w3')
    world.advance(limits.recoveryMaxMs)
    assert.equal(world.core.state, 'ALIVE')
    assert.deepEqual(world.outcome, { ...runsOn, kills: [], driver: waitingDriver, acknowledged: [] })
    world.comes('w2').report('w2')
    assert.deepEqual(world.outcome, ended('FINISHED'))
  })

  test('its Worker tells it on each link: it is held once, and acknowledged once', () => {
    const world = new Fallen().fall().tellsEnd()
    world.advance(limits.recoveryMaxMs)
    for (let links = 2; links <= 4; links++) {
      world.unlink('w1')
      world.tellsEnd()
    }
    assert.equal(world.core.cluster!.heldEnds.size, 1)
    world.comes('w2').report('w2')
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('the Worker that told it dies: its end counts all the same', () => {
    const world = new Fallen().fall().tellsEnd({ state: 'FINISHED', exitCode: 0 })
    world.advance(limits.recoveryMaxMs)
    world.unlink('w1')
    world.link('w1-2')
    world.registerWorker('w1-2', { port: ports.w1! })
    world.report('w1-2')
    world.comes('w2').report('w2')
    assert.deepEqual(world.outcome, ended('FINISHED'))
  })

  test('very many count one pass after the other', () => {
    const others = Array.from({ length: innerLimits.endsPerPass }, (_, n) => `${ID}-${n}`)
    const world = new Fallen().fall({ observed: base, known: ['w1'], others }).comes('w1')
    for (const [n, driverId] of [ID, ...others].entries())
      world.tell('w1', { ...end, driverId, change: n + 1 })
    assert.deepEqual(world.outcome.acknowledged, [])
    world.report('w1')
    const most = limits.endingEffects
    assert.ok(world.outcome.acknowledged.length <= most, `${world.outcome.acknowledged.length} in one step`)
    for (let pass = 1; pass * most <= 2 * innerLimits.endsPerPass; pass++)
      world.input({ kind: 'timer', timer: { kind: 'again' } })
    assert.equal(world.outcome.acknowledged.length, innerLimits.endsPerPass + 1)
  })

  test('a Worker tells many generations of one driver: the newest is held, and the others are acknowledged', () => {
    const world = new Fallen({ keptEnds: 3 }).fall().comes('w1')
    for (const [index, generation] of [3, 2, 5, 4, 6].entries())
      world.tell('w1', { ...end, generation, change: index + 1 })
    assert.equal(world.core.cluster!.heldEnds.size, 1)
    assert.deepEqual(world.outcome.acknowledged, [2, 1, 4, 3])
    // The accepted generation is held beside it: it is what the driver's record is of.
    world.tell('w1', { ...end, change: 6 })
    assert.equal(world.core.cluster!.heldEnds.size, 2)
    world.report('w1', { seen: lost })
    world.comes('w2').report('w2')
    assert.deepEqual(world.outcome.acknowledged, [2, 1, 4, 3, 6, 5])
  })

  test('more than a leader holds: the rest counts at once', () => {
    const world = new Fallen({ keptEnds: 0 }).fall().tellsEnd()
    assert.deepEqual(world.outcome, ended('KILLED'))
  })

  test('a kill that was acknowledged is its end at once', () => {
    const world = new Fallen().fall({ record: { wanted: 'KILL' } }).tellsEnd()
    assert.deepEqual(world.outcome, ended('KILLED'))
  })
})

test('an executor has a number of its own: its end, told again, is that of no later one', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 7001, cores: 1 })
  const appId = world.application('app', { executor: { ...applicationDescription.executor, cores: 1 } })
  const { execId, cores, memoryMib, resources } = world.lastTold('w1', 'LaunchExecutor')!
  const records = world.stored()
  world.failover().elect({ ...records, workers: [...records.workers, workerRecord('w2')] })
  const later = { appId, execId: execId + 1, cores, memoryMib, resources, state: 'RUNNING' } as const
  world.link('app', 'client')
  world.tell('app', {
    type: 'MasterChangeAcknowledged',
    appId,
    registration: 'reg-app',
    description: applicationDescription,
    listen: { port: 5000 },
    executors: [{ execId: later.execId, workerId: 'w2' }],
    highestExecId: later.execId,
  })
  world.link('w1')
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    appId,
    execId,
    change: 1,
    state: 'FAILED',
  })
  assert.deepEqual(
    world.toldTo('w1', 'ChangesAcknowledged').map(({ changes }) => changes),
    [[1]],
  )
  world.report('w1')
  world.link('w2')
  world.report('w2', { executors: [{ ...later, launchedAt }] })
  assert.deepEqual([...world.core.cluster!.apps.get(appId)!.executors.keys()].slice(0, 1), [later.execId])
  assert.deepEqual([world.toldTo('w2', 'KillExecutor'), world.toldTo('app', 'ExecutorUpdated')], [[], []])
})
