import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { requireSameCluster } from '../../runtime/launch/cli/commands/upgrade.js'
import { finishHint, finishText, problemsOf, upgradeOrder } from '../../runtime/launch/cli/upgrade.js'

/* The order of a rolling upgrade, what keeps its next step from beginning, and what is said at its end. */

type Nodes = Parameters<typeof upgradeOrder>[0]
const master = (name: string, advertise = `10.0.0.${name[1]}`) => ({ name, advertise, port: 7070 })
const nodes = {
  masters: [master('m1'), master('m2'), master('m3', '2001:db8::3')],
  workers: [{ name: 'w1' }, { name: 'w2' }],
} as unknown as Nodes

test('STANDBYs first, then the leader, then Workers', () => {
  assert.deepEqual(upgradeOrder(nodes, 'firesteel://10.0.0.1:7070'), ['m2', 'm3', 'm1', 'w1', 'w2'])
  assert.deepEqual(upgradeOrder(nodes, 'firesteel://[2001:db8::3]:7070'), ['m1', 'm2', 'm3', 'w1', 'w2'])
  assert.deepEqual(upgradeOrder(nodes, null), ['m1', 'm2', 'm3', 'w1', 'w2'])
})

const worker = (name: string, changes = {}) => ({ name, state: 'ALIVE', suspect: false, ...changes })
const standby = { address: 'firesteel://10.0.0.2:7070', state: 'STANDBY' }
const well = {
  stale: false,
  masters: [
    { address: 'firesteel://10.0.0.1:7070', state: 'ALIVE' },
    standby,
    { ...standby, address: 'firesteel://[2001:db8::3]:7070' },
  ],
  workers: [worker('w1'), worker('w2', { state: 'DECOMMISSIONED' })],
} as unknown as MasterStateResponse

const problems = (changes: object): string[] => problemsOf(nodes, { ...well, ...changes })

test('a cluster is well when every node of the file is there and none is silent', () => {
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ stale: true }), ['the store does not answer'])
  assert.deepEqual(problems({ masters: well.masters.slice(0, 2) }), [
    '1 of 3 Masters are not known to the leader',
  ])
  const masters = [well.masters[0], { ...standby, state: 'UNKNOWN' }, well.masters[2]]
  assert.deepEqual(problems({ masters }), ['the Master at firesteel://10.0.0.2:7070 is UNKNOWN'])
  assert.deepEqual(problems({ workers: [worker('w1', { suspect: true }), worker('w2')] }), ['w1 is silent'])
  assert.deepEqual(problems({ workers: [worker('w1')] }), ['w2 is not registered'])
  const dead = worker('w2', { state: 'DEAD' })
  assert.deepEqual(problems({ workers: [worker('w1'), dead] }), ['w2 is not registered'])
  assert.deepEqual(problems({ workers: [worker('w1'), worker('w2'), dead] }), [], 'a former process')
})

test('a file of another cluster is refused, though its Masters answer', () => {
  requireSameCluster('c.yaml', { cluster: 'shop' }, { cluster: 'shop' })
  assert.throws(() => requireSameCluster('c.yaml', { cluster: 'zz' }, { cluster: 'shop' }), {
    code: 'FIRESTEEL_APPLY_REFUSED',
    message: 'Nothing was done. c.yaml is of the cluster "zz", and "shop" runs at its Masters.',
  })
})

test('at its end an upgrade says whether there is something to finish, if the leader knows', () => {
  const nothing = 'nothing to finish: the store has format 1, the newest that all Masters know\n'
  assert.equal(finishHint({ store: { format: 1, newest: 1 } }), nothing)
  assert.match(
    finishHint({ store: { format: 1, newest: 2 } }),
    /^The store still has format 1, .* --finish\.\n$/,
  )
  assert.equal(finishHint({}), '')
  assert.equal(finishText({ was: 1, is: 1 }), nothing)
  assert.match(finishText({ was: 1, is: 2 }), /^The store's format was 1 and is 2\. /)
})
