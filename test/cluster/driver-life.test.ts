import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { createTestCluster, type StatusReport, type TestCluster } from '../harness/index.js'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { bin } from '../tools/command-fixture.js'
import { ASKING, statusOf } from '../tools/status.js'

/* What people see of a supervised driver: its process, its ends, its restarts, and how it is ended. */

let cluster: TestCluster
let folder = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-life-'))
  await writeFile(join(folder, 'service.mjs'), `console.log('up', process.pid)\nsetInterval(() => {}, 1000)`)
  await writeFile(join(folder, 'job.mjs'), `console.log('out')\nconsole.error('err')`)
  await writeFile(join(folder, 'lines.mjs'), `setInterval(() => console.log('line'), 20)`)
  await writeFile(
    join(folder, 'stubborn.mjs'),
    `process.on('SIGTERM', () => {})\nsetInterval(() => {}, 1000)`,
  )
  await writeFile(
    join(folder, 'leak.mjs'),
    `const kept = []\nsetInterval(() => { for (let n = 0; n < 20; n++) kept.push(new Array(100_000).fill({})) })`,
  )
  cluster = await createTestCluster({ workers: 1, cores: 4 })
  await cluster.waitAlive()
})
after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Row {
  readonly state: string
  readonly pid: number | null
  readonly restarts: number
  readonly lastExit: {
    readonly code: number | null
    readonly signal: string | null
    readonly outOfMemory: { readonly by: string; readonly limitMib: number; readonly usedMib: number } | null
  } | null
  readonly nextStartAt: string | null
  readonly events: readonly { readonly at: string; readonly text: string }[]
}

const rowOf = (id: string): Promise<Row> => statusOf(cluster, id)

async function submit(program: string, ...options: string[]): Promise<string> {
  const args = ['submit', '--json', '--supervise', '--memory', '96m', ...options, join(folder, program)]
  const { stdout, stderr } = await cluster.cli(args)
  assert.notEqual(stdout, '', stderr)
  return (JSON.parse(stdout) as { id: string }).id
}

const until = (id: string, what: string, is: (row: Row) => boolean) =>
  cluster.waitUntil(
    what,
    async () => {
      const row = await rowOf(id)
      return is(row) ? row : undefined
    },
    ASKING,
  )

test('killed by hand: RESTARTING with its last exit and next start, then another pid; restart and kill say how', async () => {
  const id = await submit('service.mjs')
  const { pid } = await until(id, 'it to run', (row) => row.pid !== null)
  process.kill(pid as number, 'SIGKILL')
  const resting = await until(id, 'it to rest', ({ state }) => state === 'RESTARTING')
  assert.deepEqual(
    [resting.pid, resting.lastExit?.signal, resting.lastExit?.code, resting.lastExit?.outOfMemory],
    [null, 'SIGKILL', null, null],
  )
  assert.ok(Date.parse(resting.nextStartAt ?? '') > 0)
  const again = await until(id, 'it to run again', (row) => row.pid !== null)
  assert.notEqual(again.pid, pid)
  assert.deepEqual([again.state, again.restarts], ['RUNNING', 1])
  const { stdout } = await cluster.cli(['restart', id])
  assert.match(stdout, /it gets SIGTERM now, and SIGKILL in 10s; then it starts again on w1-/)
  const restarted = await until(id, 'it to be restarted', (row) => row.pid !== null && row.pid !== again.pid)
  assert.deepEqual([restarted.restarts, restarted.lastExit?.signal], [2, 'SIGTERM'])
  const text = (await cluster.cli(['status', id])).stdout
  assert.match(text, /^Events:\n.*launched as generation 1 on w1-/m)
  assert.match(text, /generation 1, attempt 1 ended: SIGKILL; starts again at /)
  await cluster.cli(['kill', id])
  await until(id, 'it to be killed', ({ state }) => state === 'KILLED')
})

test('one that ignores SIGTERM is KILLING until SIGKILL, and kill says so', async () => {
  const id = await submit('stubborn.mjs')
  await until(id, 'it to run', (row) => row.pid !== null)
  const { stdout } = await cluster.cli(['kill', id])
  assert.match(stdout, /it gets SIGTERM now, and SIGKILL in 10s if it still runs; it is on w1-/)
  assert.equal((await rowOf(id)).state, 'KILLING')
  const ended = await until(id, 'it to be killed', ({ state }) => state === 'KILLED')
  assert.equal(ended.lastExit?.signal, 'SIGKILL')
})

test('a heap that is full is told from other ends, and --max-restarts is the end', async () => {
  const id = await submit('leak.mjs', '--max-restarts', '0')
  const ended = await until(id, 'it to end', ({ state }) => state === 'FAILED')
  assert.equal(ended.lastExit?.outOfMemory?.by, 'heap', JSON.stringify(ended))
  assert.equal(ended.lastExit?.outOfMemory?.limitMib, 96)
  assert.ok((ended.lastExit?.outOfMemory?.usedMib ?? 0) > 10)
  assert.match(ended.events.at(-1)?.text ?? '', /^ended FAILED: it failed once; maxRestarts is 0; /)
})

test('logs has every attempt with its time, also when its Worker was restarted and the driver moved on', async () => {
  const id = await submit('service.mjs', '--name', 'moved')
  const { pid } = await until(id, 'it to run', (row) => row.pid !== null)
  await cluster.cli(['restart', 'moved'])
  const second = await until(id, 'it to be restarted', (row) => row.pid !== null && row.pid !== pid)
  const logs = async () => (await cluster.cli(['logs', 'moved'])).stdout
  const heading = '==> generation \\d, attempt \\d, 20\\S+Z on w1-\\S+ <==\n'
  const two = new RegExp(`^up ${pid}\n${heading}up ${second.pid}\n$`)
  await cluster.waitUntil('both attempts in its logs', async () =>
    two.test(await logs()) ? true : undefined,
  )
  await cluster.kill('w1', 'SIGTERM')
  await cluster.waitAlive()
  const third = await until(id, 'it to run again', (row) => row.pid !== null && row.pid !== second.pid)
  const three = new RegExp(`^up ${pid}\n${heading}up ${second.pid}\n${heading}up ${third.pid}\n$`)
  await cluster.waitUntil('all attempts in its logs', async () =>
    three.test(await logs()) ? true : undefined,
  )
  await cluster.cli(['kill', 'moved'])
  await until(id, 'it to end', ({ state }) => state === 'KILLED')
  assert.match(await logs(), three, 'also after its end')
})

test('logs -f goes on where the driver moves, and has a heading for each start; --tail is over all Workers', async (t) => {
  const two = await createTestCluster({ workers: 2, cores: 2 })
  t.after(() => two.stop())
  await two.waitAlive()
  const program = join(folder, 'service.mjs')
  const submitted = ['submit', '--json', '--supervise', '--memory', '96m', '--name', 'roaming', program]
  const { id } = JSON.parse((await two.cli(submitted)).stdout) as { id: string }
  const isOther = async (pids: readonly number[]) => {
    const row = JSON.parse((await two.cli(['status', id, '--json'])).stdout) as Row & { worker: string }
    return row.pid !== null && !pids.includes(row.pid) ? { pid: row.pid, worker: row.worker } : undefined
  }
  const first = await two.waitUntil('it to run', () => isOther([]))
  const following = two.cli(['logs', id, '-f'])
  await two.cli(['restart', id])
  const second = await two.waitUntil('it to run again', () => isOther([first.pid]))
  await two.kill(second.worker.slice(0, 2), 'SIGKILL')
  const third = await two.waitUntil('it to move', () => isOther([first.pid, second.pid]))
  assert.notEqual(third.worker, second.worker)
  const heading = (generation: number, attempt: number, worker: string): string =>
    `==> generation ${generation}, attempt ${attempt}, \\S+Z on ${worker.slice(0, 2)}-\\S+ <==\n`
  const ups = [
    `up ${first.pid}\n`,
    `${heading(1, 2, second.worker)}up ${second.pid}\n`,
    `${heading(2, 1, third.worker)}up ${third.pid}\n`,
  ]
  const tail = async () => (await two.cli(['logs', id, '--tail', '2'])).stdout
  const lastTwo = new RegExp(`^${ups[1]}${ups[2]}$`)
  await two.waitUntil('both Workers in the last lines', async () =>
    lastTwo.test(await tail()) ? true : undefined,
  )
  await two.cli(['kill', id])
  const { stdout, code } = await following
  assert.match(stdout, new RegExp(`^${ups.join('')}$`))
  assert.equal(code, 0)
})

test('submit --wait shows what the driver prints', async () => {
  const { stdout, stderr } = await cluster.cli([
    'submit',
    '--wait',
    '--memory',
    '96m',
    join(folder, 'job.mjs'),
  ])
  assert.match(stdout, /^driver-\S+ SUBMITTED, key \S+\nout\ndriver-\S+: FINISHED, exit 0\n$/)
  assert.equal(stderr, 'err\n')
})

test('a reader that goes ends the wait, as Ctrl-C does', async () => {
  const script = '{ "$@"; echo "$?" >&2; } | head -n 3'
  const args = [bin, 'submit', '--wait', '--memory', '96m', '--name', 'read', join(folder, 'lines.mjs')]
  const { stdout, stderr } = await runCommand({
    command: 'sh',
    args: ['-c', script, 'sh', process.execPath, ...args],
    cwd: folder,
    env: { ...childEnvironment(), FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret },
  })
  assert.match(stdout, /^driver-\S+ SUBMITTED, key \S+\nline\nline\n$/)
  assert.match(stderr, /^driver-\S+ goes on: see `firesteel logs [^`]+`, or end it with [^\n]+\n141\n$/)
  assert.equal((await rowOf('read')).state, 'RUNNING')
  await cluster.cli(['kill', 'read'])
})

test('submit --wait without room says why it waits', async () => {
  const child = await startChild({
    command: process.execPath,
    args: [bin, 'submit', '--wait', '--cores', '999', join(folder, 'job.mjs')],
    cwd: folder,
    env: { ...childEnvironment(), FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret },
    stdout: 'ignore',
    stderr: 'pipe',
    ownGroup: true,
  })
  try {
    let said = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes
    })
    await waitUntil('the reason', () => (said === '' ? undefined : said))
    assert.match(said, /^driver-\S+ waits: no Worker is as large as 999 cores/)
  } finally {
    await child.stop({ graceMs: 10_000 })
  }
  await cluster.cli(['kill', 'job'])
})

test('Ctrl-C ends the wait, and says that the driver goes on and how to end it', async () => {
  const controller = new AbortController()
  const args = ['submit', '--wait', '--memory', '96m', '--name', 'awaited', join(folder, 'service.mjs')]
  const waiting = cluster.cli(args, { signal: controller.signal })
  const { drivers } = await cluster.waitUntil(
    'it to run',
    async () => {
      const status = await statusOf<StatusReport>(cluster)
      return status.drivers.some(({ name, state }) => name === 'awaited' && state === 'RUNNING')
        ? status
        : undefined
    },
    ASKING,
  )
  controller.abort()
  const { code, stderr } = await waiting
  const { id } = drivers.find(({ name }) => name === 'awaited')!
  assert.equal(code, 130)
  assert.equal(
    stderr,
    `${id} goes on: see \`firesteel logs ${id} -f\`, or end it with \`firesteel kill ${id}\`.\n`,
  )
  assert.equal((await rowOf('awaited')).state, 'RUNNING')
  await cluster.cli(['kill', 'awaited'])
})
