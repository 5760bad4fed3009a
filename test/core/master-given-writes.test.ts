import assert from 'node:assert/strict'
import { test } from 'node:test'
import { driverDigest } from '../../actors/master/driver-digest.js'
import type { DriverRecord } from '../../actors/master/records.js'
import type { Position } from '../../actors/messages/common.js'
import type { LostTail } from '../../actors/messages/masters.js'
import { DESCRIPTION_BYTES_MAX } from '../../actors/messages/record-size.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import type { PastElection } from '../../runtime/persistence/engine.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/*
 * What a leader takes of the lost writes that a peer gives as a Master (protocol 12.3). The key of a node is
 * enough to say so, and no proof that any store has held them.
 */

const base: Position = { epoch: 5, seq: 80 }
const lost: Position = { epoch: 5, seq: 90 }
const PEER = 'm2-1'

/** A leader whose store fell to `base`, and a Master that is linked to it. */
function fallen(earlier: readonly PastElection[] = []): MasterWorld {
  const world = new MasterWorld()
  world.input({ kind: 'elected', epoch: 7, owner: 'm1', base, earlier, observed: lost, format: 1 })
  world.restore(noRecords)
  world.link(PEER, 'node', MASTER_SUBJECT)
  return world
}

const driver = (id: string, parts: Partial<DriverRecord> = {}): DriverRecord => ({
  id,
  submittedAtMs: 1,
  description: driverDescription,
  key: `key-${id}`,
  digest: driverDigest(driverDescription),
  state: 'SUBMITTED',
  wanted: 'RUN',
  generation: 0,
  launchedUnder: 0,
  workerId: null,
  resources: {},
  at: lost,
  ...parts,
})

function give(world: MasterWorld, records: readonly object[], last = false, table = 'driver'): void {
  const rows = records.map((record) => [table, (record as { id: string }).id, JSON.stringify(record)])
  world.tell(PEER, { type: 'LostTail', records: rows, last } as LostTail)
}

const drivers = (world: MasterWorld): string[] => [...world.core.cluster!.drivers.keys()]

const refusals = (world: MasterWorld): string[] =>
  world.lastStep!.free.flatMap((effect) => (effect.kind === 'refused' ? [effect.reason] : []))

/** Arguments with which a description has this many bytes. */
function filling(bytes: number, description: { readonly args: readonly string[] }): string[] {
  const rest = Buffer.byteLength(JSON.stringify({ ...description, args: ['', ''] }))
  return ['x'.repeat(120_000), 'x'.repeat(bytes - rest - 120_000)]
}

test('only until the last piece, and then not before the next link', () => {
  const world = fallen()
  give(world, [driver('driver-1')], true)
  assert.equal(world.toldTo(PEER, 'TailTaken').length, 1)
  give(world, [driver('driver-2')])
  assert.deepEqual(drivers(world), ['driver-1'])
  world.unlink(PEER)
  world.link(PEER, 'node', MASTER_SUBJECT)
  assert.equal(world.toldTo(PEER, 'RequestLostTail').length, 2)
  give(world, [driver('driver-2')])
  assert.deepEqual(drivers(world), ['driver-1', 'driver-2'])
})

test('nothing that the store knew when this leader found it', () => {
  const world = fallen()
  const { at: _, ...nowhere } = driver('driver-2')
  give(world, [driver('driver-1', { at: { epoch: 5, seq: 80 } }), nowhere, driver('driver-3')])
  assert.deepEqual(drivers(world), ['driver-3'])
  assert.deepEqual(refusals(world), [
    'LostTail: driver driver-1: the store that this leader found has not forgotten it',
  ])
})

test('what an earlier election has not found, and what may be of another owner of its epoch', () => {
  const world = fallen([{ epoch: 4, owner: 'm9', base: { epoch: 3, seq: 50 } }])
  give(world, [
    driver('driver-1', { at: { epoch: 3, seq: 50 } }),
    driver('driver-2', { at: { epoch: 3, seq: 51 } }),
    driver('driver-3', { at: { epoch: 4, seq: 49 } }),
  ])
  assert.deepEqual(drivers(world), ['driver-2', 'driver-3'])
})

test('no driver and no application with more than a Master lets in, each by itself', () => {
  const world = fallen()
  const sized = (id: string, bytes: number): DriverRecord =>
    driver(id, { description: { ...driverDescription, args: filling(bytes, driverDescription) } })
  give(world, [
    sized('driver-1', DESCRIPTION_BYTES_MAX + 1),
    sized('driver-2', DESCRIPTION_BYTES_MAX),
    driver('driver-3'),
  ])
  assert.deepEqual(drivers(world), ['driver-2', 'driver-3'])
  assert.deepEqual(refusals(world), [
    'LostTail: driver driver-1: RECORD_TOO_LARGE: no Master has let that in',
  ])
  // The content of the next generation is in the same record.
  const half = { ...driverDescription, args: filling(DESCRIPTION_BYTES_MAX / 2 + 10, driverDescription) }
  const replacement = { key: 'k', digest: 'd', description: half }
  give(world, [
    driver('driver-4', { description: half }),
    driver('driver-5', { description: half, replacement }),
  ])
  assert.deepEqual(drivers(world), ['driver-2', 'driver-3', 'driver-4'])
  const app = (id: string, chars: number) => ({
    id,
    submittedAtMs: 1,
    registration: id,
    description: { ...applicationDescription, env: { A: 'x'.repeat(120_000), B: 'x'.repeat(chars) } },
    endpoint: 'client-1',
    address: '10.0.0.9:5000',
    registrant: { role: 'client' },
    execIds: 0,
    at: lost,
  })
  give(world, [app('app-1', 130_000), app('app-2', 100_000)], false, 'app')
  assert.deepEqual([...world.core.cluster!.apps.keys()], ['app-2'])
})

test('no other record that is larger than a record may be', () => {
  const world = fallen()
  const worker = (id: string, labels: number) => ({
    ...workerOffer,
    id,
    name: id,
    port: 7000 + labels,
    labels: Object.fromEntries(Array.from({ length: labels }, (_, n) => [`l${n}`, 'x'.repeat(16_000)])),
    draining: false,
    at: lost,
  })
  give(world, [worker('w1', 17), worker('w2', 16)], false, 'worker')
  assert.deepEqual([...world.core.cluster!.workers.keys()], ['w2'])
})

test('without end: it stops where the records have filled their share of the heap, and asks that Master no more', () => {
  const world = fallen()
  const budget = 20 * limits.recordBytes
  const args = filling(200_000, driverDescription)
  let bytes = 0
  for (let n = 0; n < 100; n++) {
    world.isFull = bytes >= budget
    give(world, [driver(`driver-${n}`, { description: { ...driverDescription, args } })])
    bytes = JSON.stringify([...(world.store.get('driver')?.values() ?? [])]).length
  }
  // 27 until they are full, and 20 more of 200 kB each.
  assert.equal(drivers(world).length, 47)
  assert.ok(bytes < budget + limits.takenBackWhenFullBytes + limits.recordBytes)
  assert.equal(world.toldTo(PEER, 'RequestLostTail').length, 48)
  give(world, [], true)
  assert.equal(world.toldTo(PEER, 'TailTaken').length, 0, 'what it gave is not all taken')
  // Where it links again and there is room, it is asked again.
  world.unlink(PEER)
  world.isFull = false
  world.link(PEER, 'node', MASTER_SUBJECT)
  give(world, [driver('driver-last')], true)
  assert.equal(drivers(world).at(-1), 'driver-last')
  assert.equal(world.toldTo(PEER, 'TailTaken').length, 1)
})

test('a leader that is full takes back what the cluster had acknowledged in its last second', () => {
  const world = new MasterWorld()
  world.link(PEER, 'node', MASTER_SUBJECT)
  world.input({ kind: 'elected', epoch: 7, owner: 'm1', base, earlier: [], observed: lost, format: 1 })
  world.restore(noRecords)
  world.isFull = true
  give(world, [driver('driver-1', { wanted: 'KILL' })], true)
  assert.deepEqual(drivers(world), ['driver-1'])
  assert.equal(world.toldTo(PEER, 'TailTaken').length, 1)
})

test('a leader that is full waits for no more lost writes than it takes: it is ALIVE with what it has', () => {
  const world = new MasterWorld()
  world.link(PEER, 'node', MASTER_SUBJECT)
  world.input({ kind: 'elected', epoch: 7, owner: 'm1', base, earlier: [], observed: lost, format: 1 })
  world.restore(noRecords)
  assert.equal(world.core.state, 'RECOVERING')
  world.isFull = true
  const args = filling(200_000, driverDescription)
  let given = 0
  while (world.core.state === 'RECOVERING' && given < 100)
    give(world, [driver(`driver-${given++}`, { description: { ...driverDescription, args } })])
  assert.equal(world.core.state, 'ALIVE')
  assert.deepEqual([given, drivers(world).length], [21, 20])
})
