import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { driverDigest } from '../../actors/master/driver-digest.js'
import type { DriverRecord, EndedDriver } from '../../actors/master/records.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/*
 * A Worker tells an end; the record of its driver comes only then, from a Master that still has it (protocol
 * 12.3).
 */

const ID = 'driver-20260101000000-6-0001'
const above = { epoch: 6, seq: 90 }
const description = { ...driverDescription, supervise: true }

const record = (parts: Partial<DriverRecord> = {}): DriverRecord => ({
  id: ID,
  submittedAtMs: 1,
  description,
  key: 'k1',
  digest: driverDigest(description),
  state: 'RUNNING',
  wanted: 'RUN',
  generation: 1,
  launchedUnder: 6,
  workerId: 'w1',
  resources: {},
  at: above,
  ...parts,
})

const waiting = record({
  state: 'SUBMITTED',
  generation: 0,
  launchedUnder: 0,
  workerId: null,
  at: { epoch: 6, seq: 80 },
})

const end = (parts: Partial<DriverStateChanged> = {}): DriverStateChanged => ({
  type: 'DriverStateChanged',
  workerId: 'w1',
  driverId: ID,
  generation: 1,
  attempt: 1,
  change: 1,
  state: 'FINISHED',
  exitCode: 0,
  ...parts,
})

const CACHES_GONE_MS = limits.leaseMs + limits.recordCacheGraceMs

class Fallen extends MasterWorld {
  /**
   * Elected on a store that forgot the driver; both Workers have answered, `w1` with this end before its
   * report.
   */
  fall(...ends: DriverStateChanged[]): this {
    this.input({
      kind: 'elected',
      epoch: 7,
      owner: 'm1',
      base: { epoch: 5, seq: 80 },
      earlier: [],
      observed: { epoch: 6, seq: 95 },
      format: 1,
    })
    this.restore(noRecords)
    for (const [id, port] of [
      ['w1', 7001],
      ['w2', 7002],
    ] as const) {
      this.link(id)
      this.registerWorker(id, { port })
      for (const change of ends) if (change.workerId === id) this.tell(id, change)
      this.report(id)
    }
    return this
  }

  given(table: 'driver' | 'ended', value: object): void {
    this.input({ kind: 'lostWrites', records: [{ table, id: ID, value }] })
    this.advance(5000)
  }

  get launches(): number[] {
    return ['w1', 'w2'].flatMap((id) => this.toldTo(id, 'LaunchDriver').map(({ generation }) => generation))
  }

  get acknowledged(): number[] {
    return this.toldTo('w1', 'ChangesAcknowledged').flatMap(({ changes }) => changes)
  }

  get ended(): string | undefined {
    return this.snapshot().completedDrivers.find(({ id }) => id === ID)?.state
  }
}

describe('an end whose driver is not known yet', () => {
  test('its record comes: that is its end, and only now it is acknowledged', () => {
    const world = new Fallen().fall(end())
    world.advance(5000)
    assert.deepEqual(world.acknowledged, [])
    world.given('driver', record())
    assert.deepEqual([world.ended, world.acknowledged, world.launches], ['FINISHED', [1], []])
    assert.equal(world.store.get('driver')?.has(ID), false)
    assert.equal(world.toldTo('w1', 'ReconnectWorker').length, 0)
  })

  test('its record comes first as somebody wrote it before the launch: it is not launched again', () => {
    const world = new Fallen().fall(end())
    world.given('driver', waiting)
    world.given('driver', record())
    assert.deepEqual([world.ended, world.launches], ['FINISHED', []])
  })

  test('its record comes between the ends and the report of its Worker', () => {
    const world = new Fallen().fall()
    world.tell('w1', end())
    world.input({ kind: 'lostWrites', records: [{ table: 'driver', id: ID, value: record() }] })
    world.report('w1')
    world.advance(5000)
    assert.deepEqual([world.ended, world.launches], ['FINISHED', []])
  })

  test('it may run again: with the next generation, once', () => {
    const world = new Fallen().fall(end({ state: 'KILLED', isolated: true }))
    world.given('driver', waiting)
    world.given('driver', record())
    assert.deepEqual([world.ended, world.launches, world.acknowledged], [undefined, [2], [1]])
  })

  test('of two generations: the older one changes nothing, whichever was told first', () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const ends = order.map((generation) =>
        end(
          generation === 1 ? { state: 'KILLED', isolated: true } : { workerId: 'w2', generation, change: 1 },
        ),
      )
      const world = new Fallen().fall(...ends)
      world.given('driver', record({ generation: 2, workerId: 'w2' }))
      assert.deepEqual([world.ended, world.launches], ['FINISHED', []])
    }
  })

  test('told once more on another link: it is one end', () => {
    const world = new Fallen({ keptEnds: 1 }).fall(end())
    world.tell('w1', end())
    world.given('driver', record())
    assert.deepEqual([world.ended, world.acknowledged], ['FINISHED', [1]])
  })

  test('another Master knows that end already: it is acknowledged', () => {
    const world = new Fallen().fall(end())
    const ended: EndedDriver = {
      kind: 'driver',
      id: ID,
      submittedAtMs: 1,
      endedAtMs: 2,
      message: '',
      description,
      state: 'FINISHED',
      generation: 1,
      worker: 'w1',
      exitCode: 0,
      signal: null,
      at: above,
    }
    world.given('ended', ended)
    assert.deepEqual([world.ended, world.acknowledged], ['FINISHED', [1]])
    world.tell('w1', end({ change: 2 }))
    assert.deepEqual(world.acknowledged, [1, 2])
  })

  test('an older generation is adopted from another Worker after it was told: it ends as well', () => {
    const world = new Fallen().fall(end({ generation: 2 }))
    const drivers = [
      {
        driverId: ID,
        generation: 1,
        attempt: 1,
        state: 'RUNNING' as const,
        resources: {},
        description,
        launchedAt: { ...above, owner: 'm1' },
      },
    ]
    world.tell('w2', { type: 'WorkerLatestState', id: 'w2', executors: [], drivers })
    world.advance(5000)
    assert.deepEqual([world.ended, world.launches], ['FINISHED', []])
    assert.equal(world.lastTold('w2', 'KillDriver')?.generation, 1)
    assert.equal(world.core.cluster!.workers.get('w2')!.coresUsed, 1, 'until it is gone')
  })

  test('no record cache is left that could name it: it is acknowledged, and the next one at once', () => {
    const world = new Fallen().fall(end())
    world.advance(CACHES_GONE_MS - 1)
    assert.deepEqual(world.acknowledged, [])
    world.advance(1)
    assert.deepEqual(world.acknowledged, [1])
    world.tell('w1', end({ driverId: 'driver-x', change: 2 }))
    assert.deepEqual(world.acknowledged, [1, 2])
  })

  test('there are too many: the rest stays with the Workers, unacknowledged', () => {
    const world = new Fallen({ keptEnds: 2 }).fall()
    for (let n = 1; n <= 3; n++) world.tell('w1', end({ driverId: `driver-${n}`, change: n }))
    world.advance(CACHES_GONE_MS)
    assert.deepEqual(world.acknowledged, [1, 2])
  })
})
