import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../runtime/process/child.js'
import { createTestCluster } from '../harness/index.js'
import { binPath, commandEnvironment } from '../harness/up-process.js'

const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))

interface Line {
  readonly at: string
  readonly from: string
  readonly to: string
  readonly message: string
  readonly epoch: number
  readonly id: number
  readonly trace: number
  readonly parent: number | null
  readonly bytes: number | null
  readonly tookUs: number | null
  readonly payload?: unknown
}

const keys = ['at', 'from', 'to', 'message', 'epoch', 'id', 'trace', 'parent', 'bytes', 'tookUs']
const mergedTrace = ['ElectedLeader', 'MasterChanged', 'WorkerSchedulerStateResponse']
const only = mergedTrace.flatMap((name) => ['--message', name])

const parsed = (text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)

/** The last of each, in the order in which they stand. */
const order = (text: string): string[] =>
  mergedTrace.toSorted((a, b) => text.lastIndexOf(a) - text.lastIndexOf(b))

test('the merged trace of a failover, in all formats', async (t) => {
  await using cluster = await createTestCluster({ workers: 1, cores: 4, recovery: 'FILESYSTEM' })
  await using app = await cluster.connect({
    name: 'traced',
    cores: 1,
    executor: { cores: 1, memory: '128m' },
  })
  const file = `${cluster.directory}/driver`
  // Room for its executor and two drivers.
  const submitted = await cluster.cli([
    'submit',
    '--name',
    'etl',
    '--memory',
    '128m',
    '--env',
    'PASSPHRASE=hunter2',
    driverMain,
    file,
  ])
  assert.equal(submitted.code, 0, submitted.stderr)
  const followed = new Promise((resolve) => app.on('masterChanged', resolve))
  await cluster.kill('m1')
  const during = await cluster.cli(['trace', '--message', 'ElectedLeader', '--json'])
  assert.equal(during.code, 0, 'a failover is waited for')
  assert.equal(parsed(during.stdout).length, 1)
  await cluster.waitAlive()
  await followed

  // All of it has passed when the Worker has reported, which an ALIVE Worker has.
  await t.test('JSON: exact keys, one line a message, sender and receiver of each', async () => {
    const { code, stdout, stderr } = await cluster.cli(['trace', ...only, '--format', 'json'])
    assert.equal(code, 0, stderr)
    const lines = parsed(stdout)
    for (const line of lines) {
      assert.deepEqual(Object.keys(line), keys)
      assert.equal(new Date(line.at).toISOString(), line.at)
    }
    const second = lines.slice(lines.findLastIndex(({ message }) => message === 'ElectedLeader'))
    const changed = second.findIndex(
      ({ message, to }) => message === 'MasterChanged' && to.endsWith('/Worker'),
    )
    const answered = second.findIndex(({ message }) => message === 'WorkerSchedulerStateResponse')
    assert.ok(changed > 0 && answered > changed, stdout)
    const { address } = cluster.node('m1')
    const [, host] = address.split('//')
    assert.equal(second[changed]!.from, `firesteel://test@${host}/user/Master`)
    assert.equal(second[changed]!.to, second[answered]!.from)
    assert.equal(second[changed]!.epoch, 2)
    assert.ok(second[changed]!.bytes! > 0, 'its sender told')
    assert.ok(second[changed]!.tookUs !== null, 'its receiver told')
    assert.ok(second[answered]!.at >= second[changed]!.at)
    const toWorker = second.filter(({ message, to }) => message === 'MasterChanged' && to.endsWith('/Worker'))
    assert.equal(toWorker.length, 1, 'seen by both, shown once')
    const ofApp = second.filter(
      ({ message, to }) => message === 'MasterChanged' && to.endsWith('/ClientEndpoint'),
    )
    assert.ok(
      ofApp.some(({ tookUs }) => tookUs !== null),
      'the driver of the application was asked, too',
    )
    assert.match(
      stderr,
      /^\{"missing":\{"process":"Master@[^"]*\(m1-[0-9a-f]+\)"/m,
      'the killed Master is named',
    )
  })

  await t.test('table and Mermaid tell it in the same order', async () => {
    const table = await cluster.cli(['trace', ...only])
    assert.equal(table.code, 0, table.stderr)
    assert.match(table.stdout, /^TIME +FROM +TO +MESSAGE +EPOCH +TOOK$/m)
    assert.match(table.stdout, /^missing: Master@/m)
    const forWorker = table.stdout.split('\n').filter((line) => !line.includes('ClientEndpoint'))
    assert.deepEqual(order(forWorker.join('\n')), mergedTrace)
    const mermaid = await cluster.cli(['trace', ...only, '--format', 'mermaid', '--actor', 'Master'])
    assert.equal(mermaid.code, 0, mermaid.stderr)
    assert.match(mermaid.stdout, /^sequenceDiagram\n/)
    assert.match(mermaid.stdout, /^ {4}p\d+->>p\d+: MasterChanged \(epoch 2\)$/m)
    assert.match(mermaid.stdout, /^%% missing: /m)
  })

  await t.test('payloads on request, without secrets', async () => {
    const { stdout } = await cluster.cli(['trace', '--json', '--payloads', '--message', 'LaunchDriver'])
    const [launch] = parsed(stdout)
    const { description } = launch!.payload as { description: { env: unknown; main: string } }
    assert.deepEqual(description.env, { PASSPHRASE: '[removed]' })
    assert.equal(description.main, driverMain)
    const everything = await cluster.cli(['trace', '--json', '--payloads'])
    assert.ok(!everything.stdout.includes('hunter2'))
    assert.ok(!everything.stdout.includes(cluster.secret))
  })

  await t.test(
    'a record shows offline what the cluster showed; trees and the driver by its name',
    async () => {
      const file = `${cluster.directory}/failover.trace`
      const recorded = await cluster.cli(['trace', 'record', file])
      assert.equal(recorded.code, 0, recorded.stderr)
      assert.match(recorded.stdout, /^\d+ messages? written to .*failover\.trace(; missing: .*)?\n$/)
      const content = readFileSync(file, 'utf8')
      assert.ok(!content.includes('hunter2') && !content.includes(cluster.secret))
      assert.equal(statSync(file).mode & 0o777, 0o600)
      const show = (...args: string[]) => cluster.cli(['trace', 'show', file, ...args])
      const shown = parsed((await show('--json', ...only)).stdout)
      assert.ok(shown.some(({ message, epoch }) => message === 'MasterChanged' && epoch === 2))
      assert.ok(shown.every((line) => !('payload' in line)))
      const tree = await show('--tree', '--trace', String(shown.at(-1)!.trace))
      assert.equal(tree.code, 0, tree.stderr)
      assert.match(tree.stdout, /^trace \d+ {2}\d{4}-/)
      assert.ok(tree.stdout.split('\n').every((line) => line.length <= 80 || line.startsWith('missing: ')))
      const ofDriver = parsed((await show('--json', '--driver', 'etl')).stdout)
      const byId = /"driverId":"(driver-[^"]+)"/.exec(content)![1]!
      assert.deepEqual(parsed((await show('--json', '--driver', byId)).stdout), ofDriver)
      for (const name of ['LaunchDriver', 'ProcessStarted', 'WorkerSchedulerStateResponse'])
        assert.ok(
          ofDriver.some(({ message }) => message === name),
          name,
        )
      const broken = `${cluster.directory}/broken.trace`
      writeFileSync(broken, content.slice(0, content.length - 10))
      const refused = await cluster.cli(['trace', 'show', broken])
      assert.equal(refused.code, 2)
      assert.match(
        refused.stderr,
        /^FIRESTEEL_TRACE_FILE_INVALID: .*broken\.trace, line \d+: it is not JSON\.$/m,
      )
      const absent = await cluster.cli(['trace', 'show', `${cluster.directory}/none.trace`])
      assert.match(absent.stderr, /^FIRESTEEL_PATH_NOT_FOUND: /)
    },
  )

  await t.test('-f goes on: what happens later is told, once', async (t) => {
    const child = await startChild({
      command: process.execPath,
      args: [binPath, 'trace', '-f', '--json', '--message', 'LaunchDriver'],
      cwd: cluster.directory,
      env: commandEnvironment({ FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret }),
      stdout: 'pipe',
      stderr: 'ignore',
      ownGroup: true,
      followDescendants: false,
    })
    t.after(() => child.stop({ graceMs: 0 }))
    let stdout = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk
    })
    const drivers = () => parsed(stdout.slice(0, stdout.lastIndexOf('\n') + 1)).map(({ trace }) => trace)
    await cluster.waitUntil('the first driver', () => drivers().length === 1)
    const again = await cluster.cli(['submit', '--memory', '64m', driverMain, file])
    assert.equal(again.code, 0, again.stderr)
    await cluster.waitUntil('the second one', () => drivers().length === 2)
    child.signal('SIGINT')
    assert.equal((await child.exited).code, 130)
    assert.equal(new Set(drivers()).size, 2)
  })

  await t.test('--since, --quiet, --tail; what is wrong', async () => {
    const recent = await cluster.cli(['trace', '--json', '--since', '1ms', '--message', 'ElectedLeader'])
    assert.equal(recent.code, 0, recent.stderr)
    assert.equal(recent.stdout, '')
    const quiet = parsed((await cluster.cli(['trace', '--json', '--quiet'])).stdout)
    assert.ok(quiet.length > 0)
    assert.ok(quiet.every(({ message, from, to }) => message !== 'Heartbeat' && from !== to))
    const tail = await cluster.cli(['trace', '--json', '--tail', '2'])
    assert.equal(parsed(tail.stdout).length, 2)
    const wrong = await cluster.cli(['trace', '--format', 'xml'])
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /^FIRESTEEL_USAGE: .*table, json, mermaid, svg/)
    for (const args of [
      ['record'],
      ['-f', '--tree'],
      ['-f', '--format', 'svg'],
      ['-f', '--driver', 'd'],
      ['--tree', '--json'],
      ['copy', 'f'],
    ]) {
      const { code, stderr } = await cluster.cli(['trace', ...args])
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    }
  })

  await t.test('a process that does not answer is named, the others are shown', async () => {
    await cluster.freeze('w1')
    const { code, stdout, stderr } = await cluster.cli(['trace', '--message', 'LaunchDriver'])
    cluster.thaw('w1')
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^\S+ +Master@\S+ +-> +Worker@\S+ +LaunchDriver +2 +-$/m)
    assert.match(stdout, /^missing: Worker w1 firesteel:\S+: .*no link within \d+ ms$/m)
  })
})
