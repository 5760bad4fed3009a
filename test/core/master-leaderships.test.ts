import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeadershipHistory } from '../../actors/master/leadership-history.js'
import type { MasterEvent } from '../../actors/master/master-event.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* Which Masters have led, as one process tells it. */

const own = 'firesteel://m1:7070'
const other = 'firesteel://m2:7070'

/** The history of a Master, and what it sees at which time. */
function watch() {
  const history = new LeadershipHistory()
  const see = (atMs: number, event: MasterEvent) => history.observed(event, own, atMs)
  const told = () =>
    history.entries.map(({ epoch, address, sinceMs, end }) =>
      [epoch, address, sinceMs, ...(end ? [end.how, end.atMs, end.reason] : [])].join(' '),
    )
  return { history, see, told }
}

test('a leadership that was there before is told as at least so old, and each later one with its beginning', () => {
  const { history, see } = watch()
  see(100, { event: 'leaderObserved', epoch: 4, address: other })
  see(200, { event: 'leaderGone', epoch: 4, how: 'closed' })
  see(510, { event: 'elected', epoch: 5 })
  assert.deepEqual(history.entries, [
    {
      epoch: 4,
      address: other,
      sinceMs: 100,
      isOlder: true,
      end: { atMs: 200, how: 'closed', reason: '' },
    },
    { epoch: 5, address: own, sinceMs: 510 },
  ])
})

test('its own leadership ends with the reason, when it heard of the next one first too', () => {
  const { see, told } = watch()
  see(0, { event: 'elected', epoch: 5 })
  see(10, { event: 'revoked', handedOver: true, reason: 'the Master stops' })
  see(20, { event: 'elected', epoch: 6 })
  see(30, { event: 'leaderObserved', epoch: 7, address: other })
  see(31, { event: 'revoked', handedOver: false, reason: 'a peer has seen epoch 7' })
  assert.deepEqual(told(), [
    `5 ${own} 0 handedOver 10 the Master stops`,
    `6 ${own} 20 lost 30 a peer has seen epoch 7`,
    `7 ${other} 30`,
  ])
})

test('a leader whose link closes and is back has not ended; one that hands over has', () => {
  const { see, told } = watch()
  see(0, { event: 'leaderObserved', epoch: 4, address: other })
  see(10, { event: 'leaderGone', epoch: 4, how: 'closed' })
  see(15, { event: 'leaderObserved', epoch: 4, address: other })
  assert.deepEqual(told(), [`4 ${other} 0`])
  see(20, { event: 'leaderGone', epoch: 4, how: 'handedOver' })
  see(21, { event: 'leaderGone', epoch: 4, how: 'closed' })
  see(22, { event: 'leaderObserved', epoch: 4, address: other })
  assert.deepEqual(told(), [`4 ${other} 0 handedOver 20 `])
})

test('one that nothing was seen of ends when the next begins; an older one is no news', () => {
  const { see, told } = watch()
  see(0, { event: 'leaderObserved', epoch: 4, address: other })
  see(9, { event: 'leaderObserved', epoch: 6, address: own })
  see(10, { event: 'leaderObserved', epoch: 5, address: other })
  see(11, { event: 'leaderGone', epoch: 5, how: 'closed' })
  assert.deepEqual(told(), [`4 ${other} 0 replaced 9 `, `6 ${own} 9`])
})

test('the same epoch of another Master is another leadership: a store may forget an election', () => {
  const { see, told } = watch()
  see(0, { event: 'leaderObserved', epoch: 4, address: other })
  see(5, { event: 'elected', epoch: 4 })
  assert.deepEqual(told(), [`4 ${other} 0 replaced 5 `, `4 ${own} 5`])
})

test('it is bounded, and keeps the newest', () => {
  const { history, see } = watch()
  for (let epoch = 1; epoch <= 3 * innerLimits.leaderships; epoch++) see(epoch, { event: 'elected', epoch })
  assert.equal(history.entries.length, innerLimits.leaderships)
  assert.equal(history.entries.at(-1)?.epoch, 3 * innerLimits.leaderships)
})

/** What a STANDBY emits when the leader m2 does this. */
function seenOf(act: (world: MasterWorld) => void): readonly MasterEvent[] {
  const world = new MasterWorld()
  const peer = {
    incarnation: 'm2',
    role: 'node',
    subject: MASTER_SUBJECT,
    host: '10.0.0.2',
    address: other,
    dialled: true,
  } as const
  world.input({ kind: 'linkUp', peer })
  world.input({
    kind: 'message',
    from: 'm2',
    message: { type: 'MasterChanged', master: other, web: null, masters: [other] },
    position: { epoch: 3, seq: 1 },
  })
  const events = [...emitted(world)]
  assert.deepEqual(events.at(-1), { event: 'leaderObserved', epoch: 3, address: other })
  act(world)
  const last = [...emitted(world)]
  world.input({ kind: 'linkUp', peer })
  return [...last, ...emitted(world)].filter(({ event }) => event !== 'mastersObserved')
}

function* emitted(world: MasterWorld): Generator<MasterEvent> {
  for (const effect of world.lastStep?.free ?? []) if (effect.kind === 'emit') yield effect.event
}

test('a STANDBY sees the leader end by its link and by its word, and come back', () => {
  const back = { event: 'leaderObserved', epoch: 3, address: other }
  const gone = (how: string) => ({ event: 'leaderGone', epoch: 3, how })
  assert.deepEqual(
    seenOf((world) => world.input({ kind: 'linkDown', incarnation: 'm2', closedByKernel: true })),
    [gone('closed'), back],
  )
  assert.deepEqual(
    seenOf((world) => world.input({ kind: 'linkDown', incarnation: 'm2', closedByKernel: false })),
    [back],
    'silence is no end',
  )
  assert.deepEqual(
    seenOf((world) => world.tell('m2', { type: 'HandOver' })),
    [gone('handedOver'), back],
  )
  assert.deepEqual(
    seenOf((world) => world.tell('m2', { type: 'Released', to: other })),
    [gone('handedOver'), back],
  )
})
