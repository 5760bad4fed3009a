import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterNode } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { leaderStays } from '../tools/redis-cluster.js'
import { CutCluster, LEASE_MS } from './redis-cut-cluster.js'
import { CutWork } from './redis-cut-work.js'

/* Case 4 of protocol 17 and its one-way kin: the leader loses its data store and keeps its lock servers. */

const TRIES = 5
/**
 * By its deadline; or sooner by a peer: commits put the deadline off and the lock not, so that another may
 * have the lock already. The record tells them apart.
 */
const revoked = /^RevokedLeadership: (the lease ran out$|a peer has (seen|obeyed) epoch )/

/** The lock is never extended: what is left of it only shrinks, until it is gone. */
async function runsOut(cut: CutCluster, value: string): Promise<void> {
  let before = await cut.lockRemaining(value)
  let extended = 0
  await waitUntil(
    'the lock to run out or to be given back',
    async () => {
      const now = await cut.lockRemaining(value)
      extended += now.filter((ms, index) => ms !== undefined && ms > (before[index] ?? 0)).length
      before = now
      return now.filter((ms) => ms !== undefined).length < 2
    },
    { everyMs: 1 },
  )
  assert.equal(extended, 0, 'it was extended while the record was out of reach')
}

/** The fault is over: who leads now goes on, and the other stands by. */
async function standsBy(cut: CutCluster, work: CutWork, deposed: string): Promise<void> {
  await cut.complete()
  // On a busy machine a third may have been elected meanwhile.
  assert.notEqual((await leaderStays(cut.data, cut.name, 2 * LEASE_MS)).owner, deposed)
  await work.goesOn()
  await work.onceEach()
}

test('a leader cut from the data store only: its lock is not extended, another leads, it stands by and can lead again', async () => {
  await using cut = await CutCluster.start('cut-data')
  await cut.complete()
  const work = await CutWork.start(cut)
  const leader = (await cut.cluster.leader())!
  const { epoch, owner } = await cut.leadership()
  const lock = await cut.recordedLock()
  assert.deepEqual(await cut.lockValues(), [lock, lock, lock])

  const heal = cut.routes(leader).suffer('data', { kind: 'silent' })
  const submitted = ['one', 'two', 'three'].map((name) => work.submit(name))
  // From here on no renewal of before the cut is under way.
  await waitUntil('the leader to renew in vain', () => cut.routes(leader).data[0]!.waitingRequests !== '')
  await runsOut(cut, lock)
  await cut.another(leader, epoch)
  await Promise.all(submitted)
  assert.match(await cut.revocation(leader), revoked)
  await work.goesOn()
  await work.onceEach()

  assert.ok(heal() > 0, 'what the cut-off leader had sent arrives late')
  await standsBy(cut, work, owner)

  const traced = await cut.cluster.cli(['trace', '--json', '--message', 'RevokedLeadership'])
  const { host } = new URL(leader.address.replace('firesteel:', 'http:'))
  const told = traced.stdout.split('\n').filter((line) => line.includes('"message":"RevokedLeadership"'))
  assert.ok(
    told.some(
      (line) => (JSON.parse(line) as { to: string }).to === `firesteel://${cut.name}@${host}/user/Master`,
    ),
    traced.stdout,
  )

  await cut.mustLead(leader)
  const again = await cut.leadership()
  assert.ok(again.owner.startsWith(`${leader.name}-`) && again.owner !== owner, 'a fresh incarnation leads')
  await work.submit('afterwards')
  await work.goesOn()
  await work.onceEach()
  await work.stop()
})

test('one-way cuts of the leader from the data store: what it said may count, what it is not told does not', async (t) => {
  await using cut = await CutCluster.start('cut-one-way')
  await cut.complete()
  const work = await CutWork.start(cut)

  /**
   * Cuts the leader off and submits; done when `isThere` before another leads. A renewal that is under way in
   * the moment of the cut holds the commit back in its Master: then it is tried again.
   */
  const cutOffWithCommit = async (
    kind: 'answers' | 'requests',
    isThere: (name: string, leader: ClusterNode) => Promise<boolean>,
  ) => {
    for (let i = 0; i < TRIES; i++) {
      const name = `${kind}-${i}`
      const leader = await cut.complete()
      const { epoch, owner } = await cut.leadership()
      const said = cut.said(leader).length
      const heal = cut.routes(leader).suffer('data', { kind })
      const submitted = work.submit(name)
      const seen = await waitUntil('its commit to leave, or another to lead', async () => {
        if (await isThere(name, leader)) return 'left'
        return (await cut.leadership()).epoch > epoch && 'held back'
      })
      if (seen === 'left') return { name, leader, epoch, owner, said, heal, submitted }
      await submitted
      heal()
    }
    throw new Error('no commit has left')
  }

  await t.test('answers do not arrive: the commit counts once, under the next leader', async () => {
    const isStored = async (name: string): Promise<boolean> => (await cut.stored(name)).length > 0
    const { leader, epoch, owner, said, heal, submitted } = await cutOffWithCommit('answers', isStored)
    await cut.another(leader, epoch)
    assert.match(await submitted, new RegExp(`^driver-\\d+-${epoch}-`), 'made by the leader that was cut off')
    await work.onceEach()
    heal()
    assert.match(await cut.revocation(leader, said), revoked)
    await standsBy(cut, work, owner)
  })

  await t.test('requests do not arrive: the late commit is refused', async () => {
    const waits = async (name: string, leader: ClusterNode): Promise<boolean> =>
      cut.routes(leader).data[0]!.waitingRequests.includes(`"name":"${name}"`)
    const { name, leader, epoch, owner, said, heal, submitted } = await cutOffWithCommit('requests', waits)
    await cut.another(leader, epoch)
    assert.doesNotMatch(await submitted, new RegExp(`^driver-\\d+-${epoch}-`), 'made by the next leader')
    await work.onceEach()
    assert.ok(await waits(name, leader), 'the commit of the old leader still waits')
    assert.ok(heal() > 0, 'and arrives late')
    assert.match(await cut.revocation(leader, said), revoked)
    await standsBy(cut, work, owner)
  })
  await work.stop()
})

test('a leader whose way to its store was slow for a while stands by, and can lead again', async () => {
  await using cut = await CutCluster.start('cut-slow')
  const leader = await cut.complete()
  const { epoch } = await cut.leadership()
  // There and back takes longer than any command may, so that everything is heard too late.
  const heal = cut.routes(leader).suffer('data', { kind: 'slow', delayMs: LEASE_MS / 6 })
  await cut.another(leader, epoch)
  await cut.cluster.waitUntil('its next life to ask the store in vain', () => {
    const said = cut.said(leader)
    const revoked = said.findLastIndex((line) => line.startsWith('RevokedLeadership'))
    return revoked >= 0 && said.slice(revoked).some((line) => line.includes('timed out'))
  })
  heal()
  await cut.complete()
  await cut.mustLead(leader)
})
