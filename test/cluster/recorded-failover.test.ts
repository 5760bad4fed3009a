import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startRedis } from '../harness/index.js'
import { TestCluster } from '../harness/test-cluster.js'
import { UpProcess } from '../harness/up-process.js'

interface SegmentReport {
  readonly segment: string
  readonly inputs: number
  readonly decisions: number
  readonly differing: number
  readonly end: string | null
}

test('what real Masters recorded through a failover is decided again, all of it equal', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = new TestCluster(
    await UpProcess.start({
      ...{ cluster: `recorded-${process.pid}`, masters: 3, workers: 1, cores: 2, memory: '1g' },
      recovery: { mode: 'REDIS', redis: redis.url },
      ...{ workerTimeout: undefined, orphanGrace: undefined, directory: undefined },
      recordings: './recordings',
    }),
  )
  const main = join(cluster.directory, 'job.mjs')
  await writeFile(main, 'setInterval(() => {}, 1000)\n')
  const submit = async (name: string): Promise<string> => {
    const { code, stdout, stderr } = await cluster.cli(
      ['submit', '--json', '--supervise', '--memory', '64m', '--name', name, main],
      { env: { PASSWORD: 'not-for-recordings' } },
    )
    assert.equal(code, 0, stderr)
    return (JSON.parse(stdout) as { id: string }).id
  }
  const running = (ids: readonly string[]) =>
    cluster.waitUntil('the drivers', async () => {
      const { drivers } = await cluster.status()
      return ids.every((id) => drivers.some((driver) => driver.id === id && driver.state === 'RUNNING'))
    })
  const first = await cluster.waitAlive({ standbys: 2 })
  const ids = [await submit('one'), await submit('two')]
  await running(ids)
  const waiting = await submit('three')
  await cluster.kill(first)
  const next = await cluster.waitAlive({ standbys: 2, workers: 1 })
  assert.notEqual(next.name, first.name)
  await running(ids)
  const { code } = await cluster.cli(['kill', ids[0]!])
  assert.equal(code, 0)
  await running([ids[1]!, waiting])

  // The Masters still run: each last segment has no end, and may stop in the middle of a line.
  const replayed = await cluster.cli(['replay', 'recordings', '--json'])
  assert.equal(replayed.code, 0, replayed.stderr)
  const reports = replayed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SegmentReport)
  const of = (master: string) => reports.filter(({ segment }) => segment.includes(`-${master}/`))
  for (const name of ['m1', 'm2', 'm3']) assert.ok(of(name).length > 0, replayed.stdout)
  assert.deepEqual(new Set(reports.map(({ differing }) => differing)), new Set([0]))
  for (const { name } of [first, next]) {
    const decisions = of(name).reduce((sum, report) => sum + report.decisions, 0)
    assert.ok(decisions > 20, `${name}: ${decisions} decisions`)
  }
  assert.ok(of(first.name).length > 1, 'the Master that was started again began another segment')

  const segment = of(next.name).at(-1)!.segment
  const listed = await cluster.cli(['replay', segment, '--list'])
  assert.match(listed.stdout, /elected for epoch 2/)
  assert.ok(listed.stdout.includes(`put driver ${waiting}`), 'its launch is decided by the second leader')
  const status = await cluster.cli(['replay', segment, '--status'])
  for (const id of [ids[1]!, waiting]) assert.ok(status.stdout.includes(id), status.stdout)
})
