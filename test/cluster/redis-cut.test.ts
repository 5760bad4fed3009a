import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditStore } from '../failover/store-audit.js'
import { type ClusterNode, startRedis } from '../harness/index.js'
import { TestCluster } from '../harness/test-cluster.js'
import { UpProcess } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { LinkProxy } from './link-proxy.js'
import {
  clientOf,
  everyDriver,
  leaderStays,
  leadership,
  logged,
  RunningDriver,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from './redis-cluster.js'
import { CutCluster, LEASE_MS } from './redis-cut-cluster.js'

/*
 * Cases 4 and 5 of protocol 17, and their one-way kin: each Master has a way of its own to the data store and to each
 * of three lock servers.
 */

const TRIES = 5
const deposed = /^RevokedLeadership: (epoch \d+ of |a peer has seen epoch |the commit lane ended: deposed)/

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

/** One record for each submission, under the id that its client was told, in the books and in the store itself. */
async function onceEach(cut: CutCluster, ids: ReadonlyMap<string, string>): Promise<void> {
  const books = await stateOf(cut.cluster)
  for (const [name, id] of ids) {
    const known = everyDriver(books).filter(({ description }) => description.name === name)
    assert.deepEqual(
      known.map((entry) => entry.id),
      [id],
      name,
    )
    assert.deepEqual(await cut.stored(name), [id], name)
  }
  assert.equal(await auditStore(cut.data, cut.name), 0, 'the store took a write of a deposed leader')
}

interface Work {
  readonly driver: RunningDriver
  readonly flow: TaskFlow
}

/** The leader changes while work runs: driver and tasks go on, the Worker stays, the old leader stands by afresh. */
async function workGoesOn(cut: CutCluster, { driver, flow }: Work): Promise<void> {
  const books = await stateOf(cut.cluster)
  assert.deepEqual(
    books.workers.map(({ state }) => state),
    ['ALIVE'],
  )
  await driver.goesOn(books)
  await flow.flows()
}

test('a leader cut from the data store only: revoked before its lock can run out, another leads, it stands by and can lead again', async () => {
  await using cut = await CutCluster.start('cut-data')
  await cut.complete()
  const driver = await RunningDriver.start(cut.cluster)
  const work = { driver, flow: await TaskFlow.start(cut.cluster) }
  const client = clientOf(cut.cluster)
  const ids = new Map<string, string>()
  const leader = (await cut.cluster.leader())!
  const { epoch, owner } = await cut.leadership()
  const lock = await cut.recordedLock()
  assert.deepEqual(await cut.lockValues(), [lock, lock, lock])

  const heal = cut.routes(leader).suffer('data', { kind: 'silent' })
  const submitted = ['one', 'two', 'three'].map(async (name) =>
    ids.set(name, await submit(client, waitingDriver(name))),
  )
  // From here on no renewal of before the cut is under way.
  await waitUntil('the leader to renew in vain', () => cut.routes(leader).data[0]!.waitingRequests !== '')
  await runsOut(cut, lock)
  const next = await cut.another(leader, epoch)
  await Promise.all(submitted)
  assert.ok(cut.said(leader).includes('RevokedLeadership: the lease ran out'), cut.said(leader).join('\n'))
  await workGoesOn(cut, work)
  await onceEach(cut, ids)

  assert.ok(heal() > 0, 'what the cut-off leader had sent arrives late')
  const after = await leaderStays(cut.data, cut.name, 2 * LEASE_MS)
  assert.deepEqual([after.epoch, after.owner.split('-')[0]], [epoch + 1, next.name])
  await cut.complete()
  await onceEach(cut, ids)

  const traced = await cut.cluster.cli(['trace', '--json', '--message', 'RevokedLeadership'])
  const receivers = traced.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { to: string })
  const { host } = new URL(leader.address.replace('firesteel:', 'http:'))
  assert.deepEqual(
    receivers.map(({ to }) => to),
    [`firesteel://${cut.name}@${host}/user/Master`],
    'revoked once, and nobody else was',
  )

  await cut.mustLead(leader)
  const again = await cut.leadership()
  assert.ok(again.owner.startsWith(`${leader.name}-`) && again.owner !== owner, 'a fresh incarnation leads')
  ids.set('afterwards', await submit(client, waitingDriver('afterwards')))
  await workGoesOn(cut, work)
  await onceEach(cut, ids)
  await work.flow.stop()
  await client.close()
})

test('one-way cuts of the leader from the data store: what it said may count, what it is not told does not', async (t) => {
  await using cut = await CutCluster.start('cut-one-way')
  await cut.complete()
  const driver = await RunningDriver.start(cut.cluster)
  const work = { driver, flow: await TaskFlow.start(cut.cluster) }
  const client = clientOf(cut.cluster)
  const ids = new Map<string, string>()
  const standsBy = async (leader: ClusterNode): Promise<void> => {
    assert.ok(cut.said(leader).includes('RevokedLeadership: the lease ran out'))
    const { epoch } = await cut.leadership()
    await cut.complete()
    assert.equal((await leaderStays(cut.data, cut.name, 2 * LEASE_MS)).epoch, epoch)
    await workGoesOn(cut, work)
    await onceEach(cut, ids)
  }

  /**
   * Cuts the leader off and submits; done when `isThere` before another leads. A renewal that is under way in the moment
   * of the cut holds the commit back in its Master: then it is tried again.
   */
  const cutOffWithCommit = async (
    kind: 'answers' | 'requests',
    isThere: (name: string, leader: ClusterNode) => Promise<boolean>,
  ) => {
    for (let i = 0; i < TRIES; i++) {
      const name = `${kind}-${i}`
      const leader = await cut.complete()
      const { epoch } = await cut.leadership()
      const heal = cut.routes(leader).suffer('data', { kind })
      const submitted = submit(client, waitingDriver(name))
      const seen = await waitUntil('its commit to leave, or another to lead', async () => {
        if (await isThere(name, leader)) return 'left'
        return (await cut.leadership()).epoch > epoch && 'held back'
      })
      if (seen === 'left') return { name, leader, epoch, heal, submitted }
      ids.set(name, await submitted)
      heal()
    }
    throw new Error('no commit has left')
  }
  // Linked before the first cut.
  ids.set('before', await submit(client, waitingDriver('before')))

  await t.test('answers do not arrive: the commit counts once, under the next leader', async () => {
    const isStored = async (name: string): Promise<boolean> => (await cut.stored(name)).length > 0
    const { name, leader, epoch, heal, submitted } = await cutOffWithCommit('answers', isStored)
    await cut.another(leader, epoch)
    const id = await submitted
    assert.match(id, new RegExp(`^driver-\\d+-${epoch}-`), 'made by the leader that was cut off')
    ids.set(name, id)
    await onceEach(cut, ids)
    heal()
    await standsBy(leader)
  })

  await t.test('requests do not arrive: the late commit is refused', async () => {
    const waits = async (name: string, leader: ClusterNode): Promise<boolean> =>
      cut.routes(leader).data[0]!.waitingRequests.includes(`"name":"${name}"`)
    const { name, leader, epoch, heal, submitted } = await cutOffWithCommit('requests', waits)
    await cut.another(leader, epoch)
    const id = await submitted
    assert.match(id, new RegExp(`^driver-\\d+-${epoch + 1}-`), 'made by the next leader')
    ids.set(name, id)
    await onceEach(cut, ids)
    assert.ok(await waits(name, leader), 'the commit of the old leader still waits')
    assert.ok(heal() > 0, 'and arrives late')
    await standsBy(leader)
  })
  await work.flow.stop()
  await client.close()
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

test('a leader cut from the lock servers only leads on until another has lock and record', async (t) => {
  await using cut = await CutCluster.start('cut-locks')
  await cut.complete()
  const driver = await RunningDriver.start(cut.cluster)
  const work = { driver, flow: await TaskFlow.start(cut.cluster) }
  const client = clientOf(cut.cluster)
  const ids = new Map<string, string>()
  const silent = { kind: 'silent' } as const

  await t.test('from one of three: nothing happens', async () => {
    const leader = (await cut.cluster.leader())!
    const [lock] = cut.routes(leader).locks
    lock!.suffer(silent)
    await leaderStays(cut.data, cut.name, 3 * LEASE_MS)
    lock!.heal()
    await workGoesOn(cut, work)
  })

  await t.test(
    'nobody reaches them: it leads on without a lock, and takes it again when it can',
    async () => {
      const leader = (await cut.cluster.leader())!
      const standbys = cut.masters.filter(({ name }) => name !== leader.name)
      const healStandbys = standbys.map((standby) => cut.routes(standby).suffer('locks', silent))
      const heal = cut.routes(leader).suffer('locks', silent)
      await cut.cluster.waitUntil('the lock to run out', async () =>
        (await cut.lockValues()).every((value) => value === ''),
      )
      await leaderStays(cut.data, cut.name, 2 * LEASE_MS)
      ids.set('without-lock', await submit(client, waitingDriver('without-lock')))
      heal()
      await cut.cluster.waitUntil('the leader to have a lock again', async () => {
        const [value, ...others] = await cut.lockValues()
        return (
          value !== '' && others.every((other) => other === value) && (await cut.recordedLock()) === value
        )
      })
      for (const healStandby of healStandbys) healStandby()
      await leaderStays(cut.data, cut.name, 3 * LEASE_MS)
      assert.ok(!cut.said(leader).some((line) => line.startsWith('RevokedLeadership')), 'it led all the time')
      await cut.complete()
      await workGoesOn(cut, work)
    },
  )

  for (const [title, count] of [
    ['from two of three', 2],
    ['from all three', 3],
  ] as const) {
    await t.test(`${title}: another has lock and record, it is deposed`, async () => {
      const leader = await cut.complete()
      const { epoch } = await cut.leadership()
      const from = cut.said(leader).length
      const proxies = cut.routes(leader).locks.slice(0, count)
      for (const proxy of proxies) proxy.suffer(silent)
      ids.set(title, await submit(client, waitingDriver(title)))
      await cut.another(leader, epoch)
      await cut.cluster.waitUntil('the old leader to know', () =>
        cut
          .said(leader)
          .slice(from)
          .find((line) => line.startsWith('RevokedLeadership')),
      )
      const why = cut
        .said(leader)
        .slice(from)
        .find((line) => line.startsWith('RevokedLeadership'))
      assert.match(why!, deposed, 'by the record, not by its lease: the store was in reach')
      await workGoesOn(cut, work)
      for (const proxy of proxies) proxy.heal()
      await cut.complete()
      assert.equal((await leaderStays(cut.data, cut.name, 2 * LEASE_MS)).epoch, epoch + 1)
      await onceEach(cut, ids)
    })
  }
  await work.flow.stop()
  await client.close()
})

const skip = process.platform !== 'linux' && 'needs 127.0.1.1 and on, which only Linux has unasked'

test('one-way cuts between the leader and its Workers: one that hears them takes over', {
  skip,
}, async (t) => {
  const name = 'cut-workers'
  const redis = await startRedis()
  t.after(() => redis.stop())
  const proxies = await Promise.all(
    ['127.0.2.1', '127.0.2.2', '127.0.2.3'].map((host) => LinkProxy.start(host)),
  )
  t.after(() => {
    for (const proxy of proxies) proxy.stop()
  })
  await using cluster = new TestCluster(
    await UpProcess.start({
      cluster: name,
      masters: 3,
      workers: 2,
      cores: 2,
      memory: '4g',
      recovery: { mode: 'REDIS', redis: redis.url, lease: `${LEASE_MS}ms` },
      // A link is dead after 5 s of silence, the Worker must not be by then.
      workerTimeout: '30s',
      orphanGrace: undefined,
      directory: undefined,
      places: proxies.map(({ place }) => place),
    }),
  )
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())

  for (const [title, kind] of [
    ['what Workers say does not arrive', 'requests'],
    ['what it says does not arrive at Workers', 'answers'],
  ] as const) {
    await t.test(title, async () => {
      const leader = await cluster.waitAlive({ standbys: 2 })
      const { epoch } = await leadership(redis, name)
      const proxy = proxies[Number(leader.name.slice(1)) - 1]!
      proxy.suffer(/^w\d/, { kind })
      await cluster.waitUntil(
        'another to lead',
        async () => {
          const now = (await cluster.leader())?.name
          return now !== undefined && now !== leader.name
        },
        { deadlineMs: 30_000 },
      )
      await cluster.waitAlive()
      logged(cluster, new RegExp(`hands over: it hears 0 of 2 workers.*"node":"${leader.name}"`))
      await leaderStays(redis, name, 3 * LEASE_MS)
      assert.equal((await leadership(redis, name)).epoch, epoch + 1)
      proxy.heal()
      await cluster.waitAlive({ standbys: 2 })
      await submit(client, waitingDriver(kind))
      const books = await stateOf(cluster)
      assert.equal(books.activeDrivers.filter(({ description }) => description.name === kind).length, 1)
      assert.equal(books.position.epoch, epoch + 1)
      await driver.goesOn(books)
      await flow.flows()
    })
  }
  await flow.stop()
})
