import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leaderStays } from '../tools/redis-cluster.js'
import { CutCluster, LEASE_MS } from './redis-cut-cluster.js'
import { CutWork } from './redis-cut-work.js'

/* Case 5 of protocol 17: the leader loses its lock servers and keeps its data store. */

const silent = { kind: 'silent' } as const
/** By the record, not by its lease: the store was in reach. */
const deposed =
  /^RevokedLeadership: (epoch \d+ of |a peer has (seen|obeyed) epoch |the commit queue ended: deposed)/

test('a leader cut from the lock servers only leads on until another has lock and record', async (t) => {
  await using cut = await CutCluster.start('cut-locks')
  await cut.complete()
  const work = await CutWork.start(cut)

  await t.test('from one of three: nothing happens', async () => {
    const leader = (await cut.cluster.leader())!
    const [lock] = cut.routes(leader).locks
    lock!.suffer(silent)
    await leaderStays(cut.data, cut.name, 2 * LEASE_MS)
    lock!.heal()
    await work.goesOn()
  })

  await t.test(
    'nobody reaches them: it leads on without a lock, and takes it again when it can',
    async () => {
      const leader = await cut.complete()
      const { owner } = await cut.leadership()
      const standbys = cut.masters.filter(({ name }) => name !== leader.name)
      const healStandbys = standbys.map((standby) => cut.routes(standby).suffer('locks', silent))
      const heal = cut.routes(leader).suffer('locks', silent)
      await cut.cluster.waitUntil('the lock to run out', async () =>
        (await cut.lockValues()).every((value) => value === ''),
      )
      await leaderStays(cut.data, cut.name, 2 * LEASE_MS)
      await work.submit('without-lock')
      heal()
      await cut.cluster.waitUntil('the leader to have a lock again', async () => {
        const [value, ...others] = await cut.lockValues()
        const isOne = value !== '' && others.every((other) => other === value)
        return isOne && (await cut.recordedLock()) === value
      })
      for (const healStandby of healStandbys) healStandby()
      const after = await leaderStays(cut.data, cut.name, 2 * LEASE_MS)
      assert.equal(after.owner, owner, 'it led all the time')
      await cut.complete()
      await work.goesOn()
    },
  )

  for (const [title, count] of [
    ['from two of three', 2],
    ['from all three', 3],
  ] as const) {
    await t.test(`${title}: another has lock and record, it is deposed`, async () => {
      const leader = await cut.complete()
      const { epoch } = await cut.leadership()
      const said = cut.said(leader).length
      const proxies = cut.routes(leader).locks.slice(0, count)
      for (const proxy of proxies) proxy.suffer(silent)
      await work.submit(title)
      await cut.another(leader, epoch)
      assert.match(await cut.revocation(leader, said), deposed)
      await work.goesOn()
      for (const proxy of proxies) proxy.heal()
      await cut.complete()
      const { owner } = await cut.leadership()
      assert.equal((await leaderStays(cut.data, cut.name, 2 * LEASE_MS)).owner, owner)
      await work.onceEach()
    })
  }
  await work.stop()
})
