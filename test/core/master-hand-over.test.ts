import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/* A leader that hears too few Workers hands over to a Master that hears more: protocol 6. */

const STANDBY = 'm2'

/** A leader whose STANDBY says how many Workers it hears, all the time. */
class Deaf extends MasterWorld {
  readonly heardByStandby: number
  /** Workers that this leader still hears. */
  readonly heard = new Set<string>()

  constructor(heardByStandby: number) {
    super()
    this.heardByStandby = heardByStandby
    this.elect(noRecords)
    this.#standby()
  }

  #standby(): void {
    const peer = { incarnation: STANDBY, role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.2' } as const
    this.input({ kind: 'linkUp', peer })
    this.tell(STANDBY, { type: 'MasterInStandby', masters: [] })
    this.input({ kind: 'lostWrites', records: [], from: STANDBY })
  }

  /** Time goes on. The STANDBY answers each pulse, and Workers that are heard send heartbeats. */
  pass(ms: number): this {
    const untilMs = this.nowMs + ms
    while (this.nowMs < untilMs) {
      this.tell(STANDBY, { type: 'StandbyPulse', workersHeard: this.heardByStandby, storeReachable: true })
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
    this.#standby()
    return this
  }
}

function leaderOf(ids: readonly string[], heardByStandby: number): Deaf {
  const world = new Deaf(heardByStandby)
  for (const [at, id] of ids.entries()) {
    world.link(id)
    world.registerWorker(id, { port: 7001 + at })
    world.report(id)
    world.heard.add(id)
  }
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

test('not while half of them are heard, nor where the STANDBY hears no more', () => {
  const half = leaderOf(['w1', 'w2'], 2)
  half.deafTo('w1')
  assert.deepEqual(half.pass(2 * half.config.workerTimeoutMs).handOvers, [])
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

test('Workers whose processes are known to be gone are missed by nobody, whatever a STANDBY says', () => {
  const world = leaderOf(['w1'], 9)
  for (const id of ['w2', 'w3', 'w4']) {
    world.link(id)
    world.registerWorker(id, { port: 7001 })
    world.report(id)
  }
  world.heard.clear()
  world.heard.add('w4')
  assert.equal(world.core.cluster!.workers.get('w4')?.state, 'ALIVE')
  assert.deepEqual(world.pass(4 * world.config.leaseMs).handOvers, [])
})
