import { test } from 'node:test'
import { HostNetwork } from '../harness/host-network.js'
import { WORKERS } from './hosts-cluster.js'
import { HostsTrial } from './hosts-trial.js'

/* The leader and its Workers, whose packets are dropped: no connection ends. */

const skip = await HostNetwork.refused()

test('a leader and all its Workers hear nothing of each other: it hands over to one that does', {
  skip,
}, async (t) => {
  await using trial = await HostsTrial.start('hosts-leader-workers')
  const { network } = trial.hosts

  await t.test('no packet between them', () => trial.handOver(({ name }) => network.part([name], WORKERS)))
  await t.test('what Workers send is lost', () =>
    trial.handOver(async ({ name }) => {
      for (const worker of WORKERS) await network.cut(worker, name)
    }),
  )
  await t.test('what it sends is lost', () =>
    trial.handOver(async ({ name }) => {
      for (const worker of WORKERS) await network.cut(name, worker)
    }),
  )
  await trial.end()
})
