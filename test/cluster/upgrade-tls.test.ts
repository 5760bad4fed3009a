import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { copyBuild } from '../harness/build-copy.js'
import { createTestCluster, startRedis } from '../harness/index.js'
import { firesteel } from '../tools/command-fixture.js'

/* A rolling upgrade of a cluster whose nodes speak TLS. */

const VERSION = '99.0.2'

test('a cluster that speaks TLS is upgraded with the secret and the CA that its file names, and its work runs on', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'firesteel-upgrade-'))
  t.after(() => rm(cwd, { recursive: true, force: true }))
  for (const args of [
    ['init', 'ca'],
    ['issue', 'ca', 'n1', '--host', '127.0.0.1'],
  ]) {
    const { code, stderr } = await firesteel(['cert', ...args], { cwd })
    assert.equal(code, 0, stderr)
  }
  const file = (name: string): string => join(cwd, 'ca', name)
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({
    masters: 2,
    workers: 1,
    redis: redis.url,
    tls: { ca: file('ca.pem'), cert: file('n1.pem'), key: file('n1-key.pem'), crl: file('crl.pem') },
  })
  const started = join(cwd, 'started')
  await writeFile(
    join(cluster.directory, 'driver.mjs'),
    `import { appendFileSync } from 'node:fs'
     appendFileSync(${JSON.stringify(started)}, process.pid + '\\n')
     setInterval(() => {}, 1000)`,
  )
  const submitted = await cluster.cli(['submit', '--supervise', '--memory', '64m', 'driver.mjs'])
  assert.equal(submitted.code, 0, submitted.stderr)
  const pids = async (): Promise<string[]> =>
    (await readFile(started, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const [pid] = await cluster.waitUntil('the driver', async () => {
    const lines = await pids()
    return lines.length > 0 ? lines : undefined
  })
  const other = await copyBuild(join(cwd, 'other'), { version: VERSION })
  // As on the machine of an operator: nothing in the environment, and a file that names ports and secret.
  const path = join(cluster.directory, 'cluster.yaml')
  const written = parse(await readFile(path, 'utf8')) as { masters: { name: string; port: number }[] }
  for (const master of written.masters)
    master.port = Number(new URL(cluster.node(master.name).address.replace('firesteel:', 'http:')).port)
  await writeFile(path, stringify(written))
  const env = { FIRESTEEL_MASTER: '', FIRESTEEL_SECRET: '', FIRESTEEL_TLS_CA: '' }
  const { code, stdout, stderr } = await cluster.cli(['upgrade', path, '--to', other.folder], { env })
  assert.equal(code, 0, stderr)
  assert.equal(stdout.match(/-> 99\.0\.2/g)?.length, 3, stdout)
  assert.deepEqual(await pids(), [pid])
  assert.doesNotThrow(() => process.kill(Number(pid), 0))
})
