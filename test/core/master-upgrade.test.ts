import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MasterFormats, raiseOf } from '../../actors/master/upgrade.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import { formatOfEmpty, requireFormat } from '../../runtime/persistence/store-format.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/* The end of a rolling upgrade (protocol 13.1): which format the store gets, and when it is refused. */

const first: FormatRange = { min: 1, max: 1 }
const second: FormatRange = { min: 1, max: 2 }

const master = (name: string, formats: FormatRange | undefined): MasterFormats => ({ address: name, formats })

test('the store goes to the newest format that all Masters know', () => {
  assert.deepEqual(raiseOf([master('m1', second), master('m2', { min: 2, max: 2 })], 2), { to: 2 })
  assert.deepEqual(raiseOf([master('m1', first)]), { to: 1 })
})

test('refused, by name: a Master that knows less, the leader itself, one that has not said, one that is missing', () => {
  const refusals: readonly [MasterFormats[], number, string][] = [
    [
      [master('m1', second), master('m2', first), master('m3', second)],
      3,
      'm2 knows format 1, and the newest is 2',
    ],
    [[master('m1', first), master('m2', second)], 2, 'm1 knows format 1, and the newest is 2'],
    [
      [master('m1', { min: 2, max: 4 }), master('m2', { min: 2, max: 3 }), master('m3', second)],
      0,
      'm2 knows format 2 to 3, m3 knows format 1 to 2, and the newest is 4',
    ],
    [[master('m1', second), master('m2', undefined)], 2, 'm2 has not said yet which formats it knows'],
    [[master('m1', second), master('m3', second)], 3, '2 of 3 Masters are there: m1, m3'],
  ]
  for (const [masters, atLeast, refused] of refusals)
    assert.deepEqual(raiseOf(masters, atLeast), { refused }, refused)
})

/** A leader that knows the formats of a next release too. */
function leader(formats = second): MasterWorld {
  const world = new MasterWorld({ formats }).elect(noRecords)
  world.link('cli', 'client')
  return world
}

function standby(world: MasterWorld, name: string, formats?: FormatRange): void {
  const address = `firesteel://${name}:7070`
  const peer = {
    incarnation: name,
    role: 'node',
    subject: MASTER_SUBJECT,
    host: '10.0.0.2',
    address,
  } as const
  world.input({ kind: 'linkUp', peer })
  world.tell(name, { type: 'MasterInStandby', masters: [], ...(formats && { formats }) })
  world.input({ kind: 'lostWrites', records: [], from: name, last: true })
}

const finish = (world: MasterWorld, masters?: number) =>
  world.ask('cli', { type: 'RequestFinishUpgrade', ...(masters !== undefined && { masters }) })

test('the leader raises once; asked again it says that there is nothing to raise', () => {
  const world = leader()
  standby(world, 'm2', second)
  world.advance(world.config.recoveryMaxMs)
  assert.deepEqual(world.snapshot().store, { format: 1, newest: 2 })
  assert.deepEqual(finish(world, 2), { type: 'FinishUpgradeResponse', was: 1, is: 2 })
  assert.equal(world.lastStep?.format, 2)
  assert.ok(
    world.lastStep.gated.some(({ kind }) => kind === 'reply'),
    'the answer waits until it is durable',
  )
  assert.equal(world.core.cluster?.leadership.format, 2)
  assert.deepEqual(world.snapshot().store, { format: 2, newest: 2 })
  assert.deepEqual(finish(world, 2), { type: 'FinishUpgradeResponse', was: 2, is: 2 })
  assert.equal(world.lastStep?.format, undefined)
})

test('a Master that does not say what it knows is of the first release: refused, and nothing is written', () => {
  const world = leader()
  standby(world, 'm2')
  world.advance(world.config.recoveryMaxMs)
  const message = 'The store keeps format 1: firesteel://m2:7070 knows format 1, and the newest is 2.'
  assert.deepEqual(finish(world, 2), { type: 'Failure', code: 'FIRESTEEL_FINISH_REFUSED', message })
  assert.equal(world.lastStep?.format, undefined)
  assert.deepEqual(world.snapshot().store, { format: 1, newest: 1 })
  world.unlink('m2')
  const missing = finish(world, 2)
  assert.ok(missing?.type === 'Failure' && / 1 of 2 Masters are there: firesteel:/.test(missing.message))
})

test('a recording that begins between the hello of a STANDBY and its pulse goes on as it was', () => {
  // A segment has a few inputs, and must begin as the one before it ends.
  for (let between = 0; between < 8; between++) {
    const world = leader()
    standby(world, 'm2', second)
    const turns = (count: number): void => {
      for (let at = 0; at < count; at++) world.input({ kind: 'turnEnd' })
    }
    turns(between)
    world.tell('m2', { type: 'StandbyPulse', workersHeard: 0, storeReachable: true })
    turns(20)
    assert.deepEqual(world.core.peerMasters().chosen?.formats, second)
  }
})

test('while the store refuses writes it is not asked for a raise', () => {
  const world = leader()
  world.advance(world.config.recoveryMaxMs)
  world.degradation = 'STORE_UNAVAILABLE'
  const answer = finish(world)
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_STORE_UNAVAILABLE')
  assert.equal(world.lastStep?.format, undefined)
})

test('a STANDBY tells other Masters which formats it knows, and nobody else', () => {
  const world = new MasterWorld({ formats: second })
  const peer = { incarnation: 'm2', role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.2' } as const
  world.input({ kind: 'linkUp', peer })
  world.link('w1')
  assert.deepEqual(world.lastTold('m2', 'MasterInStandby')?.formats, second)
  assert.equal(world.lastTold('w1', 'MasterInStandby')?.formats, undefined)
})

test('an empty store: a new cluster begins with the highest; a lost store with what it had, else the lowest', () => {
  assert.equal(formatOfEmpty(second, { before: undefined, isLost: false }), 2)
  assert.equal(formatOfEmpty(second, { before: 1, isLost: true }), 1)
  assert.equal(formatOfEmpty(second, { before: 2, isLost: true }), 2)
  assert.equal(formatOfEmpty(second, { before: undefined, isLost: true }), 1)
})

test('a format outside of the range is VERSION_UNSUPPORTED, and it says which way to go', () => {
  const refusal = (format: number, known: FormatRange) => () => requireFormat(format, known, 'The store', 'p')
  assert.doesNotThrow(refusal(1, second))
  assert.doesNotThrow(refusal(2, second))
  const code = 'FIRESTEEL_VERSION_UNSUPPORTED'
  assert.throws(refusal(3, second), {
    code,
    message: 'The store has format 3; this Firesteel knows 1 to 2.',
    help: /newer Firesteel/,
  })
  assert.throws(refusal(1, { min: 2, max: 2 }), { code, help: /upgrade FILE --finish/ })
})
