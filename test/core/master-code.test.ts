import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeldCodes } from '../../actors/worker/held-codes.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* A submission is acknowledged once two nodes, or the only one, hold its code (protocol 20). */

const ID = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)
const code = { id: ID, root: '/home/someone/job' }
const place = { machine: 'here', uid: 1000 }

/** A Worker that says what it has, as after each full report. */
function join(world: MasterWorld, id: string, codes: readonly string[] = [], port = portOf(id)): void {
  world.worker(id, { port })
  world.tell(id, { type: 'CodeHeld', workerId: id, begins: true, codes: [...codes] })
}

const portOf = (id: string): number => 7000 + Number(id.slice(1))
const holds = (world: MasterWorld, id: string): void =>
  world.tell(id, { type: 'CodeHeld', workerId: id, begins: false, codes: [ID] })

const alive = (): MasterWorld => new MasterWorld().elect().advance(2000)

test('with no holder, or one of several, a submission is refused; with two it is taken, and they keep the code', () => {
  const world = alive()
  for (const id of ['w1', 'w2', 'w3']) join(world, id)
  for (const holder of ['w1', 'w2']) {
    const answer = world.submit({ code })
    assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_CODE_NOT_HELD')
    holds(world, holder)
  }
  world.forgetTold()
  const driver = world.submitted({ code })
  for (const holder of ['w1', 'w2'])
    assert.deepEqual(world.lastTold(holder, 'KeepCode')?.codes, [{ ...code, from: [] }])
  const launch = world.told.find(({ message }) => message.type === 'LaunchDriver')?.message
  assert.deepEqual(launch?.type === 'LaunchDriver' && [launch.driverId, launch.codeFrom], [
    driver,
    ['10.0.0.1:7001', '10.0.0.1:7002'],
  ])
})

test('a Worker with more codes than a message takes is told what to keep once it has named all', () => {
  const world = alive()
  join(world, 'w1', [ID])
  world.submitted({ code })
  world.worker('w2', { port: portOf('w2') })
  world.forgetTold()
  const many = Array.from({ length: 2 * limits.codesPerMessage }, (_, n) => n.toString(16).padStart(64, '0'))
  const held = new HeldCodes('w2', { place })
  held.changed([...many, ID])
  const pages = held.all()
  assert.equal(pages.length, 3)
  for (const [index, page] of pages.entries()) {
    assert.equal(world.lastTold('w2', 'KeepCode'), undefined, `before page ${index}`)
    world.tell('w2', page)
  }
  assert.deepEqual(world.lastTold('w2', 'KeepCode'), {
    type: 'KeepCode',
    workerId: 'w2',
    begins: true,
    codes: [{ ...code, from: [] }],
  })
  // News is not all that it has, however many messages it takes.
  world.forgetTold()
  const news = many.map((id) => id.replace(/^0/, 'f'))
  for (const page of held.changed([...many, ID, ...news])) world.tell('w2', page)
  assert.equal(world.lastTold('w2', 'KeepCode'), undefined)
})

test('the only Worker is enough, and none is not', () => {
  const world = alive()
  const none = world.submit({ code })
  assert.equal(none?.type === 'Failure' && none.code, 'FIRESTEEL_CODE_NOT_HELD')
  join(world, 'w1', [ID])
  world.submitted({ code })
})

test('a holder that is lost has a successor; a new leader learns the holders again, and says what to keep', () => {
  const world = alive()
  for (const [id, codes] of [
    ['w1', [ID]],
    ['w2', [ID, OTHER]],
    ['w3', []],
  ] as const)
    join(world, id, codes)
  world.submitted({ code, supervise: true, on: { zone: 'nowhere' } })
  world.forgetTold()
  // A new process at its address: the former one is gone.
  join(world, 'w4', [], portOf('w1'))
  assert.deepEqual(world.lastTold('w3', 'KeepCode')?.codes, [{ ...code, from: ['10.0.0.1:7002'] }])

  world.failover().elect()
  for (const [id, codes] of [
    ['w3', [ID]],
    ['w2', [ID, OTHER]],
  ] as const)
    join(world, id, codes)
  // It needs that one, and nothing of the other.
  for (const id of ['w2', 'w3']) {
    const { begins, codes } = world.lastTold(id, 'KeepCode')!
    assert.deepEqual([begins, codes], [true, [{ ...code, from: [] }]])
  }
})

test('many codes of a Worker that is lost go to their successor together', () => {
  const world = alive()
  const many = Array.from({ length: 300 }, (_, index) => index.toString(16).padStart(64, '0'))
  join(world, 'w1', many)
  join(world, 'w2', many)
  for (const id of many) world.submitted({ code: { ...code, id }, on: { zone: 'nowhere' } })
  join(world, 'w3', [])
  world.forgetTold()
  join(world, 'w4', [], portOf('w1'))
  const told = world.told.filter(({ to, message }) => to === 'w3' && message.type === 'KeepCode')
  assert.equal(told.length, Math.ceil(many.length / limits.reportItems))
  assert.deepEqual(
    told.flatMap(({ message }) => (message.type === 'KeepCode' ? message.codes.map(({ id }) => id) : [])),
    many,
  )
})

test('a plan names who may take the code, those that have it first, and says when all see the files', () => {
  const world = new MasterWorld({ place }).elect().advance(2000)
  const plan = (id?: string) => {
    world.link('cli', 'client')
    const answer = world.ask('cli', { type: 'RequestCodePlan', place, ...(id !== undefined && { id }) })
    if (answer?.type !== 'CodePlan') return answer?.type === 'Failure' ? answer.code : answer?.type
    return [answer.inPlace, answer.enough, answer.workers.map((worker) => worker.id)]
  }
  // The Master is on the same machine, and nobody else is there.
  assert.deepEqual(plan(), [true, false, []])
  world.worker('w1', { port: 7001 })
  assert.equal(plan(), 'FIRESTEEL_BUSY', 'w1 has not said what it sees')
  const here = { type: 'CodeHeld', workerId: 'w1', begins: true, codes: [] as string[] } as const
  world.tell('w1', { ...here, codes: [], place: { machine: 'here', uid: 0 } })
  assert.deepEqual(plan(), [true, false, ['w1']], 'root reads all files')
  world.tell('w1', { ...here, codes: [], place: { machine: 'here', uid: 7 } })
  assert.deepEqual(plan(), [false, false, ['w1']], 'another user may not read them')
  join(world, 'w2', [ID])
  assert.deepEqual(plan(ID), [false, false, ['w2', 'w1']])
  holds(world, 'w1')
  assert.deepEqual(plan(ID), [false, true, ['w1', 'w2']])
})

test('property: whatever comes, no submission is acknowledged whose code fewer hold than must', () => {
  type Event = readonly ['join' | 'hold' | 'drop' | 'lose', number] | readonly ['submit' | 'failover', 0]
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.tuple(fc.constantFrom('join', 'hold', 'drop', 'lose'), fc.integer({ min: 1, max: 4 })),
    fc.constantFrom(['submit', 0] as const, ['failover', 0] as const),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const world = alive()
      /** Workers that live -> whether they hold it. */
      const truth = new Map<string, boolean>()
      for (const [kind, n] of events) {
        const id = `w${n}`
        if (kind === 'join' && !truth.has(id)) {
          join(world, id)
          truth.set(id, false)
        } else if (kind === 'hold' && truth.has(id)) {
          truth.set(id, true)
          holds(world, id)
        } else if (kind === 'drop' && truth.has(id)) {
          truth.set(id, false)
          world.tell(id, { type: 'CodeHeld', workerId: id, begins: true, codes: [] })
        } else if (kind === 'lose' && truth.has(id)) {
          truth.delete(id)
          world.unlink(id)
        } else if (kind === 'failover') {
          world.failover().elect().advance(2000)
          for (const [worker, has] of truth) join(world, worker, has ? [ID] : [])
        } else if (kind === 'submit') {
          const isTaken = world.submit({ code })?.type === 'SubmitDriverResponse'
          const holders = [...truth.values()].filter(Boolean).length
          assert.equal(
            isTaken,
            holders > 0 && holders >= Math.min(2, truth.size),
            `${holders} of ${truth.size}`,
          )
        }
      }
    }),
    { numRuns: 150 },
  )
})
