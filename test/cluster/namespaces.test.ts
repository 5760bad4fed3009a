import { test } from 'node:test'
import { HostNetwork } from '../harness/host-network.js'
import { MASTERS, STORE } from './hosts-cluster.js'
import { HostsTrial } from './hosts-trial.js'

/*
 * The leader and its data store, on hosts of their own whose packets are dropped: no proxy answers for TCP in
 * between.
 */

const skip = await HostNetwork.refused()
/**
 * By its deadline, which its commit queue may be the first to see; or sooner by a peer that has heard of the
 * next.
 */
const revoked = /^RevokedLeadership: (the lease ran out$|a peer has (seen|obeyed) epoch )/

test('the network around a leader fails: another leads, nothing is lost, work does not notice', {
  skip,
}, async (t) => {
  await using trial = await HostsTrial.start('hosts')
  const { network } = trial.hosts

  await t.test('no packet between it and Redis', () =>
    trial.succession(({ name }) => network.part([name], [STORE]), revoked),
  )
  await t.test('what it sends to Redis is lost', () =>
    trial.succession(({ name }) => network.cut(name, STORE), revoked),
  )
  await t.test('what Redis sends to it is lost', () =>
    trial.succession(({ name }) => network.cut(STORE, name), revoked),
  )
  await t.test('its host is off the network, no connection has ended, and comes back', () =>
    trial.succession(({ name }) => network.unplug(name), revoked),
  )
  await t.test('it and one Worker are cut off from Redis, the other Masters and the other Worker', () =>
    trial.succession(({ name }) => {
      const others = MASTERS.filter((master) => master !== name)
      return network.part([name, 'w1'], [...others, 'w2', STORE])
    }, revoked),
  )
  await trial.end()
})
