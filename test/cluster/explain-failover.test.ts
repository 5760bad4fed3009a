import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { type ExplainedText, explainedText } from '../tools/explain.js'
import { ASKING } from '../tools/status.js'

/* Why something waits while its Worker is silent through a failover, and while its Worker stops. */

async function submit(cluster: TestCluster, name: string, text: string): Promise<string> {
  const main = join(cluster.directory, `${name}.mjs`)
  await writeFile(main, text)
  const { stdout, stderr } = await cluster.cli([
    ...['submit', '--json', '--memory', '64m', '--cores', '1', '--name', name],
    main,
  ])
  assert.notEqual(stdout, '', stderr)
  return (JSON.parse(stdout) as { id: string }).id
}

const SERVICE = 'setInterval(() => {}, 1000)'
const STUBBORN = `process.on('SIGTERM', () => {})\n${SERVICE}`

/** Waits until `explain` gives this cause. */
const explains = (cluster: TestCluster, id: string, cause: string): Promise<ExplainedText> =>
  cluster.waitUntil(
    `${id} to be explained by ${cause}`,
    async () => {
      const found = await explainedText(cluster, id)
      return found?.cause === cause ? found : undefined
    },
    ASKING,
  )

test('a leader is new, and its Worker has not reported, and is not reached then: each is the cause', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({ masters: 2, workers: 1, cores: 1, redis: redis.url })
  const leader = await cluster.waitAlive({ standbys: 1, workers: 1 })
  const runs = await submit(cluster, 'runs', SERVICE)
  await explains(cluster, runs, 'RUNS')
  const waits = await submit(cluster, 'waits', SERVICE)
  await explains(cluster, waits, 'NO_ROOM')

  // Its links stay open, so the new leader waits for its answer first, and then for its link to end.
  await cluster.freeze('w1')
  const seen = new Map<string, string>()
  const looking = cluster.waitUntil(
    'the Worker to be out of reach',
    async () => {
      const found = await explainedText(cluster, waits).catch(() => undefined)
      if (found && !seen.has(found.cause)) seen.set(found.cause, found.text)
      return seen.has('UNREACHABLE')
    },
    { everyMs: 5, deadlineMs: 30_000 },
  )
  await cluster.kill(leader)
  await looking
  // A new leader is RECOVERING for a second at most, which nobody may have seen.
  const recovering = seen.get('RECOVERING')
  assert.deepEqual(
    [...seen.keys()].filter((cause) => cause !== 'NO_ROOM'),
    [...(recovering === undefined ? [] : ['RECOVERING']), 'NOT_REPORTED', 'UNREACHABLE'],
  )
  if (recovering !== undefined)
    assert.match(recovering, /The Master has just been elected, and asks all Workers/)
  assert.match(
    seen.get('NOT_REPORTED')!,
    /No Worker that is large enough has told this Master yet what it runs/,
  )
  assert.match(seen.get('UNREACHABLE')!, /No Worker that is large enough has a link to this Master\./)
  assert.match(seen.get('UNREACHABLE')!, /w1-\S+ \(127\.0\.0\.1\):\n {4}no link/)
  const where = await explains(cluster, runs, 'WORKER_UNREACHABLE')
  assert.match(where.text, /w1-\S+ has no link to this Master\. The driver most likely goes on there\./)

  cluster.thaw('w1')
  await explains(cluster, runs, 'RUNS')
  await explains(cluster, waits, 'NO_ROOM')
})

test('a Worker that is being stopped takes no more work, and that is the cause', async () => {
  await using cluster = await createTestCluster({ workers: 1, cores: 2 })
  const stubborn = await submit(cluster, 'stubborn', STUBBORN)
  await explains(cluster, stubborn, 'RUNS')
  // Its end is the first thing by which the Master learns that the Worker is being stopped.
  await explains(cluster, await submit(cluster, 'obedient', SERVICE), 'RUNS')
  const { pid } = cluster.node('w1')
  sendSignal(pid!, 'SIGTERM')
  const condition = await explains(cluster, 'w1', 'STOPPING')
  assert.match(condition.text, /It is being stopped and takes no more work\./)
  const waits = await submit(cluster, 'waits', SERVICE)
  const { text } = await explains(cluster, waits, 'LEAVING')
  assert.match(text, /Each Worker that is large enough is being stopped or drained, and takes no more work\./)
  assert.match(text, /Start another Worker, or start these again\./)
})
