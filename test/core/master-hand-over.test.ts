import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HandOver } from '../../actors/master/hand-over.js'
import type { PeerMaster } from '../../actors/master/peer-masters.js'
import { isProven, withProof } from '../../actors/master/store-proof.js'
import type { StandbyPulse } from '../../actors/messages/masters.js'
import { silentLog } from '../../runtime/observe/log.js'
import type { Message } from '../../runtime/system/ref.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { networkOf } from '../../runtime/transport/network.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* A leader that hears too few Workers hands over to a Master that hears more: protocol 6 and 13.2. */

const STANDBY = 'm2'
const LIAR = 'liar-1'

/** What a Master says of itself, all the time. */
interface Said {
  readonly workersHeard: number
  readonly hostsHeard?: number
  readonly isProven: boolean
}

/** A leader whose STANDBY says how many Workers it hears. */
class Deaf extends MasterWorld {
  readonly said = new Map<string, Said>()
  /** Workers that this leader still hears. */
  readonly heard = new Set<string>()

  constructor(hostsHeard: number) {
    super()
    this.elect(noRecords)
    this.standby(STANDBY, { workersHeard: hostsHeard, hostsHeard, isProven: true })
  }

  standby(incarnation: string, said: Said): void {
    this.said.set(incarnation, said)
    const peer = { incarnation, role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.2' } as const
    this.input({ kind: 'linkUp', peer })
    this.tell(incarnation, { type: 'MasterInStandby', masters: [] })
    this.input({ kind: 'lostWrites', records: [], from: incarnation })
  }

  #pulse(from: string, { isProven, ...numbers }: Said): void {
    const message: StandbyPulse = { type: 'StandbyPulse', ...numbers, storeReachable: true }
    this.input({ kind: 'message', from, message, ...(isProven && { isProven }) })
  }

  /** Time goes on. Each STANDBY answers each pulse, and Workers that are heard send heartbeats. */
  pass(ms: number): this {
    const untilMs = this.nowMs + ms
    while (this.nowMs < untilMs) {
      for (const [from, said] of this.said) this.#pulse(from, said)
      for (const id of this.heard) this.tell(id, { type: 'Heartbeat', workerId: id, sentAtMs: 0 })
      this.advance(this.config.leaseMs / 3)
    }
    return this
  }

  deafTo(...ids: readonly string[]): this {
    for (const id of ids) {
      this.heard.delete(id)
      this.unlink(id)
    }
    return this
  }

  /** The same Master leads again, over the same store. */
  again(): this {
    this.failover().elect()
    for (const [incarnation, said] of this.said) this.standby(incarnation, said)
    return this
  }

  /** A Worker on a host of its own, unless it names one. */
  hears(id: string, port: number, host = `10.0.1.${port - 7000}`): void {
    this.link(id, 'node', undefined, host)
    this.registerWorker(id, { port })
    this.report(id)
    this.heard.add(id)
  }
}

function leaderOf(ids: readonly string[], hostsHeardByStandby: number): Deaf {
  const world = new Deaf(hostsHeardByStandby)
  for (const [at, id] of ids.entries()) world.hears(id, 7001 + at)
  return world
}

test('after two leases, not before', () => {
  const world = leaderOf(['w1', 'w2'], 2)
  world.deafTo('w1', 'w2')
  world.pass(1.5 * world.config.leaseMs)
  assert.deepEqual(world.handOvers, [])
  world.pass(world.config.leaseMs)
  assert.match(world.handOvers[0]!, /^it hears 0 of 2 workers, .* hears 2$/)
})

test('not while half of their hosts are heard, nor where the STANDBY hears no more', () => {
  const half = leaderOf(['w1', 'w2'], 2)
  half.deafTo('w1')
  assert.deepEqual(half.pass(2 * half.config.workerTimeoutMs).handOvers, [])
  const less = leaderOf(['w1', 'w2', 'w3'], 3)
  less.deafTo('w1', 'w2')
  assert.match(less.pass(3 * less.config.leaseMs).handOvers[0]!, /^it hears 1 of 3 workers, .* hears 3$/)
  const equal = leaderOf(['w1', 'w2'], 0)
  equal.deafTo('w1', 'w2')
  assert.deepEqual(equal.pass(2 * equal.config.workerTimeoutMs).handOvers, [])
})

test('also once it has declared them dead: it was chosen again, and may hand over only later', () => {
  const world = leaderOf(['w1', 'w2', 'w3'], 3)
  world.deafTo('w1', 'w2')
  world.pass(1.2 * world.config.workerTimeoutMs)
  assert.deepEqual(
    ['w1', 'w2', 'w3'].map((id) => world.core.cluster!.workers.get(id)?.state),
    ['DEAD', 'DEAD', 'ALIVE'],
  )
  const before = world.handOvers.length
  world.pass(3 * world.config.leaseMs)
  assert.ok(world.handOvers.length > before)
})

test('also where it knows none, because the leadership before it had declared them dead', () => {
  const world = leaderOf(['w1', 'w2'], 2)
  world.deafTo('w1', 'w2')
  world.pass(1.2 * world.config.workerTimeoutMs).again()
  assert.equal(world.core.cluster!.workers.size, 0)
  world.handOvers.length = 0
  world.pass(3 * world.config.leaseMs)
  assert.match(world.handOvers[0]!, /^it hears 0 of 0 workers, .* hears 2$/)
})

test('a cluster without Workers keeps its leader', () => {
  const world = new Deaf(0)
  assert.deepEqual(world.pass(2 * world.config.workerTimeoutMs).handOvers, [])
})

describe('a peer that has no access to the store', () => {
  test('ends no leadership, however many Workers it says that it hears', () => {
    const world = leaderOf(['w1'], 1)
    world.standby(LIAR, { workersHeard: 1e9, hostsHeard: 1e9, isProven: false })
    world.deafTo('w1')
    world.said.delete(STANDBY)
    assert.deepEqual(world.pass(4 * world.config.leaseMs).handOvers, [])
  })

  test('is not chosen where the leader stops and another STANDBY proves that it reads the store', () => {
    const world = leaderOf(['w1'], 1)
    world.standby(LIAR, { workersHeard: 1e9, hostsHeard: 1e9, isProven: false })
    world.pass(world.config.leaseMs)
    assert.equal(world.core.peerMasters().chosen?.incarnation, STANDBY)
    // A Master of the build before proves nothing. A leader that stops hands over to it all the same.
    world.unlink(STANDBY)
    assert.equal(world.core.peerMasters().chosen?.incarnation, LIAR)
  })

  test('registers a hundred Workers, and links them to the STANDBY alone: the leader stays, and the next one too', () => {
    const world = leaderOf(['w1'], 1)
    for (let n = 0; n < 100; n++) {
      world.hears(`fake-${n}`, 8000 + n, `192.0.2.${n}`)
      world.deafTo(`fake-${n}`)
    }
    assert.equal(world.core.cluster!.workers.size, 101)
    // That of the true Worker, and that of the liar.
    world.said.set(STANDBY, { workersHeard: 101, hostsHeard: 2, isProven: true })
    assert.deepEqual(world.pass(4 * world.config.leaseMs).handOvers, [])
    world.again().hears('w1', 7001)
    assert.deepEqual(world.pass(4 * world.config.leaseMs).handOvers, [])
  })

  test('is one host, however many Workers it is to a STANDBY', () => {
    const world = new MasterWorld()
    const leader = { incarnation: 'm1-1', role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.1' } as const
    world.input({ kind: 'linkUp', peer: leader })
    world.link('w1', 'node', undefined, '10.0.1.1')
    for (let n = 0; n < 100; n++) world.link(`fake-${n}`, 'node', undefined, '10.0.1.2')
    world.tell('m1-1', { type: 'LeaderPulse', workers: 1, workersHeard: 1 })
    assert.deepEqual(world.lastTold('m1-1', 'StandbyPulse'), {
      type: 'StandbyPulse',
      workersHeard: 101,
      hostsHeard: 2,
      storeReachable: true,
    })
  })
})

describe('a leader that was about to hand over, and whose STANDBY has gone while it read ahead', () => {
  const proven = { incarnation: STANDBY, address: 'firesteel://10.0.0.2:7070', isProven: true }
  const begun = (isDemanded: boolean) => {
    const state = { all: [proven, { ...proven, incarnation: LIAR, isProven: false }] as PeerMaster[] }
    const sent: string[] = []
    const gateway = { send: (to: string, { type }: Message) => sent.push(`${type} ${to}`) }
    const core = { cluster: undefined, peerMasters: () => ({ chosen: state.all[0], all: state.all }) }
    const options = { gateway: gateway as never, log: silentLog }
    const handOver = new HandOver({ reason: 'a test', isDemanded }, options, core, new VirtualTime())
    const isGiven = handOver.prepare(() => undefined)
    state.all.shift()
    handOver.linkDown(STANDBY)
    return { handOver, isGiven, sent }
  }

  test('leads on, if it was its own judgement', async () => {
    const { handOver, isGiven, sent } = begun(false)
    assert.equal(await isGiven, false)
    assert.equal(handOver.isGivingUp, false)
    assert.deepEqual(sent, [`LeaderPulse ${STANDBY}`])
  })

  test('gives up, if it stops, or is to stop meanwhile', async () => {
    assert.equal(await begun(true).isGiven, true)
    const { handOver, isGiven } = begun(false)
    handOver.demand('the Master stops')
    assert.equal(await isGiven, true)
    assert.equal(handOver.reason, 'the Master stops')
  })
})

test('all IPv6 addresses that one machine may have are one host', () => {
  const hosts = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:0DB8::1:0:0:0:3', '2001:db8::1:0:0:0:1']
  assert.deepEqual([...new Set(hosts.map(networkOf))], ['2001:db8:0:1'])
  assert.equal(networkOf('::1'), '0:0:0:0')
  assert.equal(networkOf('10.0.0.1'), '10.0.0.1')
  assert.notEqual(networkOf('2001:db8:0:1::1'), networkOf('2001:db8:0:2::1'))
})

describe('the proof that a STANDBY reads the store', () => {
  const pulse: StandbyPulse = { type: 'StandbyPulse', workersHeard: 3, hostsHeard: 2, storeReachable: true }
  const reader = (incarnation: string, seen: string, lock = '') => ({
    incarnation,
    lock: () => lock,
    lockOf: (owner: string) => (owner === 'm1-1' ? seen : ''),
  })
  const leader = reader('m1-1', '', 'the-lock')
  const proven = withProof('m1-1', pulse, reader('m2-1', 'the-lock'))
  const but = (changes: Partial<StandbyPulse>): StandbyPulse => ({ ...proven, ...changes })

  test('is good for this leadership, this Master and these numbers', () => {
    assert.ok(isProven('m2-1', proven, leader))
    assert.ok(!isProven('m3-1', proven, leader), 'of another Master')
    assert.ok(!isProven('m2-1', proven, reader('m1-2', '', 'the-lock')), 'for another owner')
    assert.ok(!isProven('m2-1', proven, reader('m1-1', '', 'another-lock')), 'with another lock')
    assert.ok(!isProven('m2-1', but({ workersHeard: 1e9 }), leader), 'with more Workers')
    assert.ok(!isProven('m2-1', but({ hostsHeard: 1e9 }), leader), 'with more hosts')
    assert.ok(!isProven('m2-1', but({ proof: 'x' }), leader), 'with any text')
    assert.ok(!isProven('m2-1', pulse, leader), 'without it')
  })

  test('needs a lock on both sides', () => {
    assert.deepEqual(withProof('m1-1', pulse, reader('m2-1', '')), pulse)
    const ofNothing = withProof('m1-1', pulse, reader('m2-1', 'x'))
    assert.ok(!isProven('m2-1', ofNothing, reader('m1-1', '')))
  })

  test('goes to nobody but the owner of the leader record', () => {
    assert.deepEqual(withProof('liar-1', pulse, reader('m2-1', 'the-lock')), pulse)
  })
})
