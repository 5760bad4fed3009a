import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { driverDigest } from '../../actors/master/driver-digest.js'
import type { LostWrite } from '../../actors/master/lost-writes/lost-write.js'
import type {
  ApplicationRecord,
  DriverRecord,
  EndedDriver,
  KeyRecord,
  StoredRecords,
  WorkerRecord,
} from '../../actors/master/records.js'
import type { MasterMessage } from '../../actors/messages/catalogue.js'
import type { Position } from '../../actors/messages/common.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/** The store fell back to here; what was heard of before is above it. */
const base: Position = { epoch: 5, seq: 80 }
const received: Position = { epoch: 6, seq: 95 }
const EPOCH = 7
const below = { epoch: 5, seq: 70 }
const above = { epoch: 6, seq: 90 }
const ID = 'driver-20260101000000-6-0001'
const APP = 'app-20260101000000-6-0001'

const supervised = { ...driverDescription, supervise: true }

const driverRecord = (parts: Partial<DriverRecord> = {}): DriverRecord => ({
  id: ID,
  submittedAtMs: 1,
  description: supervised,
  key: 'k1',
  digest: driverDigest(supervised),
  state: 'RUNNING',
  wanted: 'RUN',
  generation: 1,
  launchedUnder: 6,
  workerId: 'w1-1',
  resources: {},
  at: above,
  ...parts,
})

const workerRecord = (id: string, parts: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...workerOffer,
  id,
  name: id,
  draining: false,
  at: above,
  ...parts,
})

const appRecord = (parts: Partial<ApplicationRecord> = {}): ApplicationRecord => ({
  id: APP,
  submittedAtMs: 1,
  registration: 'reg-1',
  description: applicationDescription,
  endpoint: 'client-1',
  address: '10.0.0.9:5000',
  registrant: { role: 'client' },
  execIds: 1000,
  at: above,
  ...parts,
})

const endedRecord = (parts: Partial<EndedDriver> = {}): EndedDriver => ({
  kind: 'driver',
  id: ID,
  submittedAtMs: 1,
  endedAtMs: 1_700_000_000_000,
  message: '',
  description: supervised,
  state: 'FINISHED',
  generation: 1,
  worker: 'w1-1',
  exitCode: 0,
  signal: null,
  at: above,
  ...parts,
})

const keyRecord: KeyRecord = {
  driverId: ID,
  digest: driverDigest(supervised),
  endedAtMs: 1_700_000_000_000,
  at: above,
}

class Fallen extends MasterWorld {
  fall(records: Partial<StoredRecords> = {}, seen: Position = received): this {
    const all = { ...noRecords, ...records }
    for (const [table, rows] of [
      ['worker', all.workers],
      ['app', all.apps],
      ['driver', all.drivers],
      ['ended', all.ended],
    ] as const) {
      this.store.set(table, new Map(rows.map((row) => [row.id, row])))
    }
    this.input({
      kind: 'elected',
      epoch: EPOCH,
      owner: 'm1',
      base,
      earlier: [],
      observed: seen,
      format: 1,
    })
    return this.restore(all)
  }

  lostWrites(table: LostWrite['table'], value: object, id = (value as { id: string }).id): void {
    this.input({ kind: 'lostWrites', records: [{ table, id, value }] })
  }

  /** Worker `id` registers, or is known, and reports these drivers as running. */
  reports(
    id: string,
    drivers: { generation?: number; launchedAt?: Position; driverId?: string }[],
    port = 7001,
  ): void {
    if (!this.core.cluster!.workers.has(id)) {
      this.link(id)
      this.registerWorker(id, { port })
    }
    this.report(id, {
      drivers: drivers.map(({ generation = 1, launchedAt = above, driverId = ID }) => ({
        driverId,
        generation,
        attempt: 1,
        state: 'RUNNING',
        resources: {},
        description: supervised,
        launchedAt: { ...launchedAt, owner: 'm1' },
      })),
    })
  }

  get driver(): DriverRecord | undefined {
    return this.core.cluster!.drivers.get(ID)?.record
  }

  stores(table: LostWrite['table'], id: string): Record<string, unknown> | undefined {
    return this.store.get(table)?.get(id) as Record<string, unknown> | undefined
  }
}

const status: MasterMessage = { type: 'RequestDriverStatus', driverId: ID }
const kill: MasterMessage = { type: 'RequestKillDriver', driverId: ID }

describe('records of a record cache', () => {
  test('what the cluster state does not hold is there again, durable under this leadership', () => {
    const world = new Fallen().fall()
    world.lostWrites('worker', workerRecord('w1-1'))
    world.lostWrites('driver', driverRecord())
    world.lostWrites('app', appRecord())
    world.lostWrites('key', { ...keyRecord, driverId: 'driver-x' }, 'k9')
    assert.equal(world.core.cluster!.workers.get('w1-1')!.state, 'UNKNOWN')
    assert.equal(world.core.cluster!.workers.get('w1-1')!.coresUsed, 1)
    assert.equal(world.core.cluster!.apps.get(APP)!.state, 'UNKNOWN')
    assert.deepEqual(world.stores('driver', ID)?.at, { epoch: EPOCH, seq: 0 })
    assert.ok(world.stores('worker', 'w1-1') && world.stores('app', APP) && world.stores('key', 'k9'))
    assert.ok(world.timers.has('application:client-1'))
  })

  test('the same again, or older, changes nothing', () => {
    const world = new Fallen().fall()
    const lostWrites = () => {
      world.lostWrites('worker', workerRecord('w1-1'))
      world.lostWrites('driver', driverRecord())
      world.lostWrites('app', appRecord())
      world.lostWrites('ended', endedRecord({ id: 'driver-x' }))
      world.lostWrites('key', keyRecord, 'k9')
    }
    lostWrites()
    const { puts } = world.lastStep!
    assert.equal(puts.length, 1)
    for (const [table, value, id] of [
      ['worker', workerRecord('w1-1')],
      ['driver', driverRecord()],
      ['app', appRecord()],
      ['ended', endedRecord({ id: 'driver-x' })],
      ['key', keyRecord, 'k9'],
    ] as const) {
      world.lostWrites(table, value, id)
      assert.deepEqual(world.lastStep!.puts, [], table)
      assert.deepEqual(world.lastStep!.deletes, [], table)
    }
  })

  test('a Worker is back: it holds what applications have there, and what it does not report is gone', () => {
    const world = new Fallen().fall()
    world.link('client', 'client')
    world.tell('client', {
      type: 'MasterChangeAcknowledged',
      ...{
        appId: 'app-1',
        registration: 'reg-client',
        registeredAt: { ...above, owner: 'm0' },
        listen: { port: 5000 },
      },
      description: applicationDescription,
      executors: [{ execId: 0, workerId: 'w1-1' }],
      highestExecId: 0,
    })
    const app = world.core.cluster!.apps.get('app-1')!
    assert.deepEqual([...app.executors.keys()], [0])
    world.lostWrites('worker', workerRecord('w1-1'))
    assert.deepEqual([...world.core.cluster!.workers.get('w1-1')!.holdings.keys()], ['app-1/0'])
    world.link('w1-1')
    world.report('w1-1')
    assert.equal(app.executors.has(0), false)
    const [lost] = world.toldTo('client', 'ExecutorUpdated')
    assert.deepEqual([lost?.execId, lost?.state], [0, 'LOST'])
  })

  test('a Worker whose address another has: the later one is kept', () => {
    const answered = new Fallen().fall()
    answered.worker('w1-2')
    answered.lostWrites('worker', workerRecord('w1-1'))
    assert.equal(answered.core.cluster!.workers.has('w1-1'), false)
    const stale = new Fallen().fall({ workers: [workerRecord('w1-0', { at: below })] })
    stale.lostWrites('worker', workerRecord('w1-1'))
    assert.equal(stale.core.cluster!.workersByAddress.get('10.0.0.1:7001')!.id, 'w1-1')
    // Nothing is deleted: the silent one has its own clock.
    assert.equal(stale.core.cluster!.workers.get('w1-0')!.state, 'UNKNOWN')
    const later = new Fallen().fall({ workers: [workerRecord('w1-2', { at: above })] })
    later.lostWrites('worker', workerRecord('w1-1', { at: { epoch: 6, seq: 85 } }))
    assert.equal(later.core.cluster!.workers.has('w1-1'), false)
  })

  test('an application: a later record is taken over, the ceiling of its executor ids never falls', () => {
    const world = new Fallen().fall({ apps: [appRecord({ at: below, endpoint: 'client-0', execIds: 3000 })] })
    world.lostWrites('app', appRecord({ execIds: 2000 }))
    const { record, nextExecId } = world.core.cluster!.apps.get(APP)!
    assert.equal(record.endpoint, 'client-1')
    assert.equal(record.execIds, 3000)
    assert.ok(nextExecId >= 3000)
    const older = new Fallen().fall({ apps: [appRecord({ endpoint: 'client-2' })] })
    older.lostWrites('app', appRecord({ at: { epoch: 6, seq: 81 }, execIds: 2000 }))
    assert.equal(older.core.cluster!.apps.get(APP)!.record.endpoint, 'client-2')
    assert.equal(older.core.cluster!.apps.get(APP)!.record.execIds, 2000)
  })

  test('an end outranks the older live record, and stays', () => {
    const world = new Fallen().fall({ drivers: [driverRecord({ at: below })] })
    world.lostWrites('ended', endedRecord())
    assert.equal(world.driver, undefined)
    assert.equal(world.stores('driver', ID), undefined)
    assert.equal(world.stores('ended', ID)?.state, 'FINISHED')
    world.lostWrites('driver', driverRecord())
    assert.equal(world.driver, undefined)
    const again = world.submit({ supervise: true }, 'k1')
    assert.equal(again?.type === 'SubmitDriverResponse' && again.driverId, ID)
  })

  test('an end of what was launched since: what runs is killed', () => {
    const world = new Fallen().fall({
      drivers: [driverRecord({ workerId: null, generation: 0, state: 'SUBMITTED' })],
    })
    world.worker('w1')
    assert.equal(world.driver?.state, 'RUNNING')
    world.lostWrites('ended', endedRecord({ state: 'KILLED', generation: 0 }))
    assert.equal(world.driver, undefined)
    assert.equal(world.lastTold('w1', 'KillDriver')?.generation, 1)
  })

  test('a key of a driver that lives is not stored beside it', () => {
    const world = new Fallen().fall({ drivers: [driverRecord()] })
    world.lostWrites('key', keyRecord, 'k1')
    assert.equal(world.stores('key', 'k1'), undefined)
  })
})

describe('a driver of the record cache', () => {
  test('later than the cluster state: its generation is accepted, what runs of the older one is killed', () => {
    const world = new Fallen().fall({
      workers: [workerRecord('w1-1', { at: below }), workerRecord('w2-1', { at: below, port: 7002 })],
      drivers: [driverRecord({ at: below, launchedUnder: 5 })],
    })
    world.link('w1-1')
    world.reports('w1-1', [{ launchedAt: below }])
    assert.equal(world.driver!.workerId, 'w1-1')
    world.lostWrites('driver', driverRecord({ generation: 2, workerId: 'w2-1' }))
    assert.deepEqual([world.driver!.generation, world.driver!.workerId], [2, 'w2-1'])
    assert.equal(world.lastTold('w1-1', 'KillDriver')?.generation, 1)
    // It holds its room until its Worker says that it is gone (protocol 11.7).
    assert.equal(world.core.cluster!.workers.get('w1-1')!.coresUsed, 1)
    assert.equal(world.core.cluster!.workers.get('w2-1')!.coresUsed, 1)
  })

  test('later, and the Worker of the older one has not answered: its room is free', () => {
    const world = new Fallen().fall({
      workers: [workerRecord('w1-1', { at: below }), workerRecord('w2-1', { at: below, port: 7002 })],
      drivers: [driverRecord({ at: below, launchedUnder: 5 })],
    })
    world.lostWrites('driver', driverRecord({ generation: 2, workerId: 'w2-1' }))
    assert.equal(world.core.cluster!.workers.get('w1-1')!.coresUsed, 0)
    world.link('w1-1')
    world.reports('w1-1', [{ launchedAt: below }])
    assert.equal(world.lastTold('w1-1', 'KillDriver')?.generation, 1)
  })

  test('older than the cluster state: only that it was to be killed is taken from it', () => {
    for (const wanted of ['RUN', 'KILL'] as const) {
      const world = new Fallen().fall({
        workers: [workerRecord('w1-1', { at: below })],
        drivers: [driverRecord({ generation: 2 })],
      })
      world.lostWrites('driver', driverRecord({ wanted, at: { epoch: 6, seq: 85 } }))
      assert.equal(world.driver!.generation, 2)
      assert.equal(world.driver!.wanted, wanted)
      assert.equal(world.toldTo('w1-1', 'KillDriver').length, wanted === 'KILL' ? 1 : 0)
    }
  })

  test('its restart was acknowledged: its Worker is told, whichever record is newer', () => {
    const restart = { generation: 1, request: 'r1' }
    const told = (held: DriverRecord, given: DriverRecord) => {
      const world = new Fallen().fall({
        workers: [workerRecord('w1-1', { at: below })],
        drivers: [held],
      })
      world.lostWrites('driver', given)
      return [world.driver!.restart, world.toldTo('w1-1', 'RestartDriver').map(({ request }) => request)]
    }
    const older = { at: { epoch: 6, seq: 85 } }
    assert.deepEqual(told(driverRecord({ at: below }), driverRecord({ restart })), [restart, ['r1']])
    assert.deepEqual(told(driverRecord(), driverRecord({ restart, ...older })), [restart, ['r1']])
    const later = driverRecord({ generation: 2 })
    assert.deepEqual(told(later, driverRecord({ restart, ...older })), [undefined, []], 'it has started anew')
  })

  test('to be killed, and waiting for a Worker: it ends at once', () => {
    const waiting = { state: 'SUBMITTED', workerId: null, generation: 0 } as const
    const world = new Fallen().fall({ drivers: [driverRecord(waiting)] })
    world.lostWrites('driver', driverRecord({ ...waiting, wanted: 'KILL', at: { epoch: 6, seq: 85 } }))
    assert.equal(world.driver, undefined)
    assert.equal(world.stores('ended', ID)?.state, 'KILLED')
  })

  test('the same generation, written later: the record is taken, nothing is killed', () => {
    const world = new Fallen().fall({
      workers: [workerRecord('w1-1', { at: below })],
      drivers: [driverRecord({ at: below })],
    })
    world.lostWrites('driver', driverRecord())
    assert.deepEqual(world.toldTo('w1-1', 'KillDriver'), [])
    assert.equal(world.core.cluster!.workers.get('w1-1')!.coresUsed, 1)
  })

  test('its Worker has reported before: it is asked again, and its ends come first', () => {
    const world = new Fallen().fall({ workers: [workerRecord('w1-1', { at: below })] })
    world.link('w1-1')
    world.reports('w1-1', [])
    world.lostWrites('driver', driverRecord())
    assert.equal(world.toldTo('w1-1', 'ReconnectWorker').length, 1)
    world.tell('w1-1', {
      type: 'DriverStateChanged',
      workerId: 'w1-1',
      driverId: ID,
      generation: 1,
      attempt: 1,
      state: 'FINISHED',
      exitCode: 0,
      change: 1,
    })
    world.report('w1-1')
    assert.equal(world.stores('ended', ID)?.state, 'FINISHED')
  })

  test('its Worker brought it back before: it gets its key again, so that a retry is the same driver', () => {
    const world = new Fallen().fall()
    world.reports('w1-1', [{}])
    assert.equal(world.driver!.key, `adopted-${ID}`)
    world.lostWrites('driver', driverRecord({ submittedAtMs: 42 }))
    assert.deepEqual([world.driver!.key, world.driver!.submittedAtMs], ['k1', 42])
    assert.equal(world.driver!.workerId, 'w1-1')
    assert.equal(world.stores('driver', ID)?.key, 'k1')
    world.advance(limits.recoveryMaxMs)
    const again = world.submit({ supervise: true }, 'k1')
    assert.equal(again?.type === 'SubmitDriverResponse' && again.driverId, ID)
    assert.equal(world.core.cluster!.drivers.size, 1)
  })

  test('its content was replaced, and the store forgot that: what runs has no key of other content', () => {
    const other = { ...supervised, args: ['other'] }
    const found = driverRecord({
      key: 'k1',
      digest: driverDigest(other),
      description: other,
      homes: ['w9-1'],
      events: [{ atMs: 1, text: 'launched' }],
      restart: { generation: 1, request: 'r1' },
      at: below,
    })
    const adopted = (parts: Partial<DriverRecord> = {}) => {
      const world = new Fallen().fall({ drivers: [{ ...found, ...parts }] })
      world.reports('w1-1', [{ generation: 2 }])
      assert.deepEqual(world.driver!.description, supervised)
      assert.equal(world.driver!.digest, driverDigest(supervised))
      return { world, record: world.driver! }
    }
    const { world, record } = adopted()
    assert.equal(record.key, `adopted-${ID}`)
    assert.deepEqual([record.submittedAtMs, record.homes, record.restart], [1, ['w9-1', 'w1-1'], undefined])
    assert.deepEqual(
      record.events?.map(({ text }) => text),
      [
        'launched',
        'its worker is not in the store',
        'adopted from its worker, because the store forgot this generation',
      ],
    )
    assert.equal(world.core.cluster!.driversByKey.has('k1'), false, 'its key is free for its content')
    world.lostWrites('driver', driverRecord({ key: 'k2', generation: 2 }))
    assert.equal(world.driver!.key, 'k2', 'a Master that has its record gives its key back')
    const next = { key: 'k2', digest: driverDigest(supervised), description: supervised }
    assert.deepEqual(
      [adopted({ replacement: next }).record.key, adopted({ replacement: next }).record.replacement],
      ['k2', undefined],
      'the store knew what was to come',
    )
    const same = adopted({ digest: driverDigest(supervised), description: supervised }).record
    assert.equal(same.key, 'k1', 'a later launch of the same content')
  })

  test('its record from before it had the content that runs: the key of other content is not its own', () => {
    const other = { ...supervised, args: ['other'] }
    const next = { key: 'k2', digest: driverDigest(supervised), description: supervised }
    const former = { key: 'k1', digest: driverDigest(other), description: other, generation: 1 }
    const given = (record: Partial<DriverRecord>) => {
      const world = new Fallen().fall()
      world.reports('w1-1', [{ generation: 2 }])
      world.lostWrites('driver', driverRecord(record))
      return [world.driver!.key, world.driver!.generation, world.driver!.description.args]
    }
    assert.deepEqual(given(former), [`adopted-${ID}`, 2, supervised.args])
    assert.deepEqual(given({ ...former, replacement: next }), ['k2', 2, supervised.args])
    assert.deepEqual(given({ ...next, generation: 2 }), ['k2', 2, supervised.args])
  })

  test('its Worker brought it back, and it ended before its record came: its key is known again', () => {
    const world = new Fallen().fall()
    world.reports('w1-1', [{}])
    world.tell('w1-1', {
      type: 'DriverStateChanged',
      workerId: 'w1-1',
      driverId: ID,
      generation: 1,
      attempt: 1,
      state: 'FINISHED',
      exitCode: 0,
      change: 1,
    })
    assert.equal(world.stores('ended', ID)?.state, 'FINISHED')
    world.lostWrites('driver', driverRecord())
    assert.equal(world.stores('key', 'k1')?.driverId, ID)
    world.advance(limits.recoveryMaxMs)
    const again = world.submit({ supervise: true }, 'k1')
    assert.equal(again?.type === 'SubmitDriverResponse' && again.driverId, ID)
    assert.equal(world.driver, undefined)
  })

  test('it has ended, and of its end only the key is left: it does not run again', () => {
    const world = new Fallen({ retainedEnded: 1 }).fall()
    world.lostWrites('worker', workerRecord('w1-1'))
    world.lostWrites('driver', driverRecord())
    world.lostWrites('ended', endedRecord())
    world.lostWrites('ended', endedRecord({ id: 'driver-x' }))
    assert.deepEqual([...world.core.cluster!.endedDrivers.keys()], ['driver-x'])
    world.lostWrites('driver', driverRecord())
    assert.equal(world.driver, undefined)
  })

  test('submitted again with its key before its record came: the later one is the driver, this one ends', () => {
    for (const launched of [
      { state: 'SUBMITTED', workerId: null, generation: 0 },
      { state: 'RUNNING', workerId: 'w1-1', generation: 1 },
    ] as const) {
      const world = new Fallen().fall({ workers: [workerRecord('w1-1', { at: below })] })
      world.link('w1-1')
      world.reports('w1-1', [])
      world.advance(limits.recoveryMaxMs)
      const again = world.submit({ supervise: true }, 'k1')
      world.lostWrites('driver', driverRecord(launched))
      assert.equal(world.stores('ended', ID)?.state, 'KILLED')
      assert.equal(world.toldTo('w1-1', 'KillDriver').length, launched.workerId ? 1 : 0)
      assert.equal(world.core.cluster!.drivers.size, 1)
      assert.deepEqual(world.submit({ supervise: true }, 'k1'), { ...again, state: 'RUNNING' })
    }
  })

  test('a Worker that nobody knows holds it up for W; back, it goes on where it runs', () => {
    const lost = new Fallen().fall()
    lost.lostWrites('driver', driverRecord())
    lost.worker('w9-1')
    lost.advance(limits.workerTimeoutMs - 100)
    assert.deepEqual(lost.toldTo('w9-1', 'LaunchDriver'), [])
    const back = new Fallen().fall()
    back.lostWrites('driver', driverRecord())
    back.reports('w1-1', [{ launchedAt: below }])
    assert.deepEqual(back.toldTo('w1-1', 'KillDriver'), [])
    assert.deepEqual(
      [back.driver!.workerId, back.driver!.generation, back.driver!.state],
      ['w1-1', 1, 'RUNNING'],
    )
    assert.equal(back.timers.has(`relaunch:${ID}`), false)
  })
})

describe('two claims to one driver', () => {
  /** Two Workers report; the first claim is adopted, then the second comes. */
  const claims = (first: object, second: object, held?: DriverRecord) => {
    const world = new Fallen().fall({
      workers: [workerRecord('w1-1', { at: below }), workerRecord('w2-1', { at: below, port: 7002 })],
      drivers: held ? [held] : [],
    })
    world.link('w1-1')
    world.link('w2-1')
    world.reports('w1-1', [first])
    world.reports('w2-1', [second], 7002)
    const killed = ['w1-1', 'w2-1'].map((id) => world.toldTo(id, 'KillDriver').length)
    return { world, killed }
  }

  test('the higher generation wins, whichever comes first', () => {
    const rising = claims({ generation: 1 }, { generation: 2 })
    assert.deepEqual(rising.killed, [1, 0])
    assert.deepEqual([rising.world.driver!.workerId, rising.world.driver!.generation], ['w2-1', 2])
    const falling = claims({ generation: 2 }, { generation: 1 })
    assert.deepEqual(falling.killed, [0, 1])
    assert.deepEqual([falling.world.driver!.workerId, falling.world.driver!.generation], ['w1-1', 2])
  })

  test('the epoch it was launched under counts first', () => {
    const { world, killed } = claims(
      { generation: 3, launchedAt: { epoch: 5, seq: 85 } },
      { generation: 2, launchedAt: above },
    )
    assert.deepEqual(killed, [1, 0])
    assert.equal(world.driver!.launchedUnder, 6)
  })

  test('the cluster state holds an older one: a launch above base wins, and keeps key and kill', () => {
    const held = driverRecord({ at: below, launchedUnder: 5, wanted: 'KILL' })
    const { world } = claims({ launchedAt: below }, { generation: 2 }, held)
    assert.deepEqual([world.driver!.generation, world.driver!.key], [2, 'k1'])
    assert.equal(world.driver!.wanted, 'KILL')
    assert.equal(world.lastTold('w2-1', 'KillDriver')?.generation, 2)
  })

  test('launched below base, or after it ended: killed', () => {
    const held = driverRecord({ at: below, launchedUnder: 5, generation: 2 })
    assert.deepEqual(
      claims({ generation: 1, launchedAt: below }, { generation: 2, launchedAt: below }, held).killed,
      [1, 1],
    )
    const world = new Fallen().fall({ ended: [endedRecord()] })
    world.reports('w1-1', [{}])
    assert.equal(world.toldTo('w1-1', 'KillDriver').length, 1)
  })

  test('the applications of the older one end', () => {
    const driver = { id: ID, generation: 1, attempt: 1 }
    const world = new Fallen().fall({
      workers: [workerRecord('w1-1', { at: below })],
      drivers: [driverRecord({ at: below, launchedUnder: 5, workerId: 'w2-1' })],
      apps: [appRecord({ driver })],
    })
    world.link('w1-1')
    world.reports('w1-1', [{ generation: 2 }])
    assert.equal(world.core.cluster!.apps.size, 0)
    assert.equal(world.stores('ended', APP)?.state, 'FINISHED')
  })
})

describe('a submission that nobody brought back', () => {
  const codeOf = (world: Fallen, message: MasterMessage) => {
    world.link('cli', 'client')
    const answer = world.ask('cli', message)
    return answer?.type === 'Failure' ? answer.code : answer?.type
  }

  test('made between base and what was heard: SUBMISSION_LOST, for status and kill', () => {
    const world = new Fallen().fall()
    for (const [epoch, code] of [
      [4, 'FIRESTEEL_UNKNOWN_ID'],
      [5, 'FIRESTEEL_SUBMISSION_LOST'],
      [6, 'FIRESTEEL_SUBMISSION_LOST'],
      [7, 'FIRESTEEL_UNKNOWN_ID'],
    ] as const) {
      const driverId = `driver-20260101000000-${epoch}-0001`
      assert.equal(codeOf(world, { type: 'RequestDriverStatus', driverId }), code, `status, epoch ${epoch}`)
      assert.equal(codeOf(world, { type: 'RequestKillDriver', driverId }), code, `kill, epoch ${epoch}`)
    }
    for (const driverId of ['driver-x', 'app-20260101000000-6-0001']) {
      assert.equal(codeOf(world, { type: 'RequestDriverStatus', driverId }), 'FIRESTEEL_UNKNOWN_ID')
    }
  })

  test('a store that lost nothing: UNKNOWN_ID', () => {
    const world = new Fallen().fall({}, base)
    assert.equal(
      codeOf(world, { ...status, driverId: 'driver-20260101000000-5-0001' } as MasterMessage),
      'FIRESTEEL_UNKNOWN_ID',
    )
  })

  test('heard only after the election, from a Worker: lost all the same', () => {
    const world = new Fallen().fall({}, base)
    world.link('w1-1')
    world.tell('w1-1', { type: 'PositionSeen', position: received, owner: 'm9' })
    assert.equal(codeOf(world, status), 'FIRESTEEL_SUBMISSION_LOST')
    world.tell('w1-1', { type: 'PositionSeen', position: { epoch: EPOCH, seq: 99 }, owner: 'm1' })
    assert.equal(
      codeOf(world, { ...status, driverId: 'driver-20260101000000-7-0001' } as MasterMessage),
      'FIRESTEEL_UNKNOWN_ID',
    )
  })

  test('while it is RECOVERING it may still come back: NOT_LEADER, ask again', () => {
    const world = new Fallen()
    world.input({
      kind: 'linkUp',
      peer: { incarnation: 'm2-1', role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.2' },
    })
    world.fall()
    assert.equal(world.core.state, 'RECOVERING')
    assert.equal(codeOf(world, status), 'FIRESTEEL_NOT_LEADER')
    assert.equal(codeOf(world, kill), 'FIRESTEEL_NOT_LEADER')
    assert.deepEqual(world.lastTold('m2-1', 'RequestLostTail'), {
      type: 'RequestLostTail',
      base,
      earlier: [],
    })
    world.input({ kind: 'lostWrites', records: [], from: 'm2-1' })
    assert.equal(world.toldTo('m2-1', 'TailTaken').length, 1)
    assert.equal(world.core.state, 'ALIVE')
    assert.equal(codeOf(world, status), 'FIRESTEEL_SUBMISSION_LOST')
  })

  const peerMaster = { incarnation: 'm2-1', role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.2' } as const

  test('the Master that may have it is slower than the quiet of recovery: it is waited for, a second at most', () => {
    const world = new Fallen()
    world.input({ kind: 'linkUp', peer: peerMaster })
    world.fall()
    world.advance(limits.recoveryQuietMs + 1)
    assert.equal(world.core.state, 'RECOVERING')
    assert.equal(codeOf(world, status), 'FIRESTEEL_NOT_LEADER')
    world.advance(limits.recoveryMaxMs)
    assert.equal(world.core.state, 'ALIVE')
    assert.equal(codeOf(world, status), 'FIRESTEEL_SUBMISSION_LOST')
  })

  test('it ends: nobody waits for it', () => {
    const world = new Fallen()
    world.input({ kind: 'linkUp', peer: peerMaster })
    world.fall({ workers: [workerRecord('w1-1', { at: below })] })
    world.advance(limits.recoveryQuietMs + 1)
    assert.equal(world.core.state, 'RECOVERING')
    world.input({ kind: 'linkDown', incarnation: 'm2-1', closedByKernel: true })
    assert.equal(world.core.state, 'ALIVE')
  })

  test('it links again while the new leader recovers: it is waited for', () => {
    const world = new Fallen().fall({ workers: [workerRecord('w1-1', { at: below })] })
    world.input({ kind: 'linkUp', peer: peerMaster })
    world.advance(limits.recoveryQuietMs + 1)
    assert.equal(world.core.state, 'RECOVERING')
    world.input({ kind: 'lostWrites', records: [], from: 'm2-1' })
    assert.equal(world.core.state, 'ALIVE')
  })

  test('what the own record cache still holds is waited for as well', () => {
    const world = new Fallen()
    const found = { base, earlier: [], observed: base, format: 1 }
    world.input({ kind: 'elected', epoch: EPOCH, owner: 'm1', ...found })
    world.input({ kind: 'restored', ownLostWrites: true })
    world.advance(limits.recoveryQuietMs + 1)
    world.input({ kind: 'lostWrites', records: [], last: false })
    assert.equal(world.core.state, 'RECOVERING')
    world.input({ kind: 'lostWrites', records: [] })
    assert.equal(world.core.state, 'ALIVE')
  })

  test('nothing is known to be lost: a Master that does not answer delays nothing', () => {
    const world = new Fallen()
    world.input({ kind: 'linkUp', peer: peerMaster })
    world.fall({}, base)
    world.advance(limits.recoveryQuietMs + 1)
    assert.equal(world.core.state, 'ALIVE')
  })
})
