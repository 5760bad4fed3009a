import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readProcess } from '../../runtime/process/process-table.js'
import { HostNetwork } from '../harness/host-network.js'
import type { ClusterNode } from '../harness/index.js'
import { HostsTrial } from './hosts-trial.js'

/* A Worker that loses the whole network without a connection that ends. */

const skip = await HostNetwork.refused()
/**
 * Suspect after a quarter, isolated after half, lost after all of it: far enough from each other for a busy
 * machine.
 */
const SHORT_MS = 16_000

test('the host of a Worker is off the network, no connection has ended, and comes back', {
  skip,
}, async (t) => {
  await using trial = await HostsTrial.start('hosts-worker-off', { workerTimeoutMs: SHORT_MS })
  const { network, cluster, log } = trial.hosts
  const stops = trial.service('stop')

  /** Where the cluster state has it now, and how. */
  const look = async () => {
    const clusterState = await trial.clusterState()
    const driver = clusterState.activeDrivers.find(({ description }) => description.name === stops.key)
    const worker = clusterState.workers.find(({ id }) => id === driver?.worker)
    return { books: clusterState, driver, worker, host: worker?.name ?? '' }
  }
  const isGone = (pid: number): boolean => (readProcess(pid)?.state ?? 'Z') === 'Z'
  const losses = (leader: ClusterNode): number =>
    log.said(leader).filter((line) => line.startsWith('worker lost')).length

  await t.test('before anybody is told to stop: it is suspect for a while, its work runs on', async () => {
    const pid = await trial.runs(stops)
    const before = await look()
    await trial.endured(
      async () => {
        await network.unplug(before.host)
        await cluster.waitUntil('the Worker to be suspect', async () => (await look()).worker?.suspect)
      },
      { executorsDie: false },
    )
    assert.equal(await trial.runs(stops), pid)
    assert.equal((await look()).driver?.generation, before.driver?.generation)
  })

  await t.test(
    'after half of workerTimeout: what must not run twice has stopped, and runs again',
    async () => {
      const pid = await trial.runs(stops)
      const before = await look()
      const leader = await trial.hosts.complete()
      await trial.endured(
        async () => {
          await network.unplug(before.host)
          await cluster.waitUntil('the driver to be ended', () => isGone(pid), { deadlineMs: SHORT_MS })
        },
        { executorsDie: false },
      )
      assert.notEqual(await trial.runs(stops), pid)
      const { driver } = await look()
      assert.equal(driver?.generation, before.driver!.generation + 1, 'its Worker has told its end')
      assert.equal(losses(leader), 0, 'its Worker was not lost')
    },
  )

  await t.test('after workerTimeout: the next generation runs elsewhere', async () => {
    const pid = await trial.runs(stops)
    const before = await look()
    let isTwice = false
    await trial.endured(
      async (leader) => {
        await network.unplug(before.host)
        await cluster.waitUntil('the next generation to run elsewhere', async () => {
          const { driver, host } = await look()
          isTwice ||= driver?.generation !== before.driver?.generation && !isGone(pid)
          return host !== '' && host !== before.host && driver?.state === 'RUNNING'
        })
        assert.equal(losses(leader), 1)
        await trial.acknowledges()
      },
      { executorsDie: true },
    )
    assert.equal(isTwice, false, 'the one before had not ended when the next was decided')
    const { books: clusterState, driver } = await look()
    assert.equal(driver?.generation, before.driver!.generation + 1)
    assert.ok(clusterState.workers.some(({ name, state }) => name === before.host && state === 'ALIVE'))
    assert.notEqual(await trial.runs(stops), pid)
  })
  await trial.end()
})
