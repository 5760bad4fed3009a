import { test } from 'node:test'
import { HostNetwork } from '../harness/host-network.js'
import { leaderStays } from '../tools/redis-cluster.js'
import { LEASE_MS, STORE } from './hosts-cluster.js'
import { HostsTrial } from './hosts-trial.js'

/* Data store and three lock servers on hosts of their own. */

const skip = await HostNetwork.refused()
const LOCKS = ['l1', 'l2', 'l3']
const revoked = /^RevokedLeadership: (the lease ran out$|a peer has (seen|obeyed) epoch )/
/** By the record, not by its lease: the store was in reach. */
const deposed =
  /^RevokedLeadership: (epoch \d+ of |a peer has (seen|obeyed) epoch |the commit queue ended: deposed)/

test('three lock servers: the network fails around one of them, and around the leader', {
  skip,
}, async (t) => {
  await using trial = await HostsTrial.start('hosts-locks', { locks: LOCKS })
  const { hosts } = trial
  const { network } = hosts

  await t.test('the host of one lock server is off: nothing happens', () =>
    trial.endured(
      async () => {
        await network.unplug('l1')
        await leaderStays(hosts.data, hosts.name, 2 * LEASE_MS)
        await trial.acknowledges()
      },
      { executorsDie: false },
    ),
  )
  await t.test('the leader is cut from its data store, and keeps its lock servers', () =>
    trial.succession(({ name }) => network.part([name], [STORE]), revoked),
  )
  await t.test('the leader is cut from two lock servers, and keeps its data store', () =>
    trial.succession(({ name }) => network.part([name], LOCKS.slice(1)), deposed),
  )
  await t.test('the host of the leader is off', () =>
    trial.succession(({ name }) => network.unplug(name), revoked),
  )
  await t.test('the hosts of the leader and of a lock server are off: two candidates, two lock servers', () =>
    trial.succession(async ({ name }) => {
      await network.unplug('l3')
      await network.unplug(name)
    }, revoked),
  )
  await trial.end()
})
