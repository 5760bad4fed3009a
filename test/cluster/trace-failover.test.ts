import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { createTestCluster, startRedis } from '../harness/index.js'
import { submissionThroughFailover } from '../tools/submission-failover.js'

const names = (driverId: string) => (message: TracedMessage) =>
  JSON.stringify(message.payload ?? '').includes(driverId)

test('the trace of a submission through a failover holds every step in order, and the failover is one tree', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({ masters: 2, workers: 1, cores: 1, redis: redis.url })
  const { driverId, messages, ofDriver } = await submissionThroughFailover(cluster)
  const isOurs = names(driverId)

  const request = ofDriver.findIndex(({ message }) => message === 'RequestSubmitDriver')
  const commit = ofDriver.findIndex((each) => each.message === 'Committed' && isOurs(each))
  const elected = ofDriver.findIndex(({ message, epoch }) => message === 'ElectedLeader' && epoch >= 0)
  const report = ofDriver.findIndex(
    ({ message }, index) => message === 'WorkerSchedulerStateResponse' && index > elected,
  )
  const launch = ofDriver.findIndex((each) => each.message === 'LaunchDriver' && isOurs(each))
  const changed = ofDriver.findIndex((each) => each.message === 'DriverStateChanged' && isOurs(each))
  const order = [request, commit, elected, report, launch, changed]
  const told = ofDriver.map(({ message, from, to, epoch }) => `${message} ${from} ${to} ${epoch}`).join('\n')
  assert.ok(
    order.every((place, index) => place >= 0 && (index === 0 || place > order[index - 1]!)),
    `${order.join(' ')}\n${told}`,
  )

  await t.test('the commit is an effect of the request, and of the first leadership', () => {
    const written = ofDriver[commit]!
    assert.equal(written.trace, ofDriver[request]!.trace)
    assert.equal(written.to, '/store')
    assert.equal(written.epoch, 1)
    assert.deepEqual((written.payload as { writes: string[] }).writes, [`driver ${driverId}`])
  })

  await t.test(
    'a report of the driver, and of the failover, is one page with picture and table',
    async () => {
      for (const [about, shown] of [
        ['etl', `Driver etl (${driverId})`],
        ['failover', 'The last failover'],
      ] as const) {
        const { code, stdout, stderr } = await cluster.cli(['report', about])
        assert.equal(code, 0, stderr)
        assert.ok(stdout.includes(`<h1>${shown}</h1>`), stdout.slice(0, 500))
        assert.match(stdout, /<svg [^>]*class="sequence".*LaunchDriver \(epoch 2\)/s)
        assert.match(stdout, /<\/html>\n$/)
        assert.doesNotMatch(stdout, /<script|<link|src=/)
      }
      const unknown = await cluster.cli(['report', 'nothing'])
      assert.match(unknown.stderr, /^FIRESTEEL_UNKNOWN_ID: /)
    },
  )

  await t.test('the pages of the new leader show the driver and the failover as pictures', async () => {
    const { web } = (await cluster.leader())!
    for (const [path, told] of [
      [`/drivers/${driverId}`, 'DriverStateChanged'],
      ['/failover', 'ElectedLeader'],
    ] as const) {
      const page = await (await fetch(web + path)).text()
      const picture = /<svg [^>]*class="sequence".*?<\/svg>/s.exec(page)?.[0] ?? ''
      assert.ok(picture.includes(told) && picture.includes('LaunchDriver (epoch 2)'), page)
    }
  })

  await t.test('from the launch and the report of the driver, causes lead back to the election', () => {
    const byId = new Map(messages.map((message) => [message.id, message]))
    const causes: string[] = []
    for (let at = ofDriver[changed]; at; at = at.parent === undefined ? undefined : byId.get(at.parent))
      causes.push(at.message)
    const chain = ['DriverStateChanged', 'LaunchDriver', 'WorkerSchedulerStateResponse', 'ElectedLeader']
    const places = chain.map((name) => causes.indexOf(name))
    assert.ok(
      places.every((place, index) => place >= 0 && (index === 0 || place > places[index - 1]!)),
      causes.join(' <- '),
    )
    assert.equal(ofDriver[launch]!.trace, ofDriver[elected]!.trace)
    assert.equal(ofDriver[launch]!.epoch, 2)
  })
})
