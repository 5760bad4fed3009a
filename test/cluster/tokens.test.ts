import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from '../../actors/client/connect.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { type CommandOutcome, runCommand } from '../harness/run-command.js'
import { bin } from '../tools/command-fixture.js'

/* Roles and tokens, as people use them: the command line and the library on a cluster of real processes. */

let redis: Awaited<ReturnType<typeof startRedis>>
let cluster: TestCluster
/** A folder that knows nothing of the cluster. */
let elsewhere: string

before(async () => {
  redis = await startRedis()
  cluster = await createTestCluster({ masters: 2, workers: 1, redis: redis.url, workerTimeout: '10s' })
  await cluster.waitAlive({ standbys: 1 })
  elsewhere = await mkdtemp(join(tmpdir(), 'firesteel-token-'))
  await writeFile(join(elsewhere, 'sleep.mjs'), "console.log('it sleeps')\nsetInterval(() => {}, 1000)\n")
})
after(async () => {
  await cluster.stop()
  await redis.stop()
  await rm(elsewhere, { recursive: true })
})

/** A command whose only credential is this token. */
const withToken = (token: string, ...args: string[]): Promise<CommandOutcome> =>
  runCommand({
    command: process.execPath,
    args: [
      bin,
      args[0]!,
      ...(args[0] === 'token' ? [args[1]!] : []),
      '--master',
      cluster.address,
      ...args.slice(args[0] === 'token' ? 2 : 1),
    ],
    cwd: elsewhere,
    env: { PATH: process.env.PATH ?? '', FIRESTEEL_TOKEN: token },
  })

async function create(role: string, name: string, ...more: string[]): Promise<string> {
  const { stdout, code, stderr } = await cluster.cli(
    ['token', 'create', '--role', role, '--name', name, '--json', ...more],
    {},
  )
  assert.equal(code, 0, stderr)
  return (JSON.parse(stdout) as { token: string }).token
}

const codeOf = ({ stderr }: CommandOutcome): string | undefined => /FIRESTEEL_\w+/.exec(stderr)?.[0]

async function submitWith(token: string, name: string): Promise<string> {
  const submitted = await withToken(
    token,
    'submit',
    '--json',
    '--no-code',
    '--name',
    name,
    '--memory',
    '64m',
    'sleep.mjs',
  )
  assert.equal(submitted.code, 0, submitted.stderr)
  const { id } = JSON.parse(submitted.stdout) as { id: string }
  await cluster.waitUntil('it runs', async () => {
    const { drivers } = await cluster.status()
    return drivers.some((driver) => driver.id === id && driver.state === 'RUNNING')
  })
  return id
}

test('a submitter sees, reads and ends its own; an observer sees all and changes nothing', async () => {
  const [ci, other, watcher] = [
    await create('submit', 'ci', '--expires', '90d'),
    await create('submit', 'other'),
    await create('observe', 'watcher'),
  ]
  const [mine, theirs] = [await submitWith(ci, 'mine'), await submitWith(other, 'theirs')]
  const seen = async (token: string) => {
    const { stdout } = await withToken(token, 'status', '--json')
    const { drivers } = JSON.parse(stdout) as { drivers: { id: string; owner: string }[] }
    return drivers.map(({ id, owner }) => [id, owner])
  }
  assert.deepEqual(await seen(ci), [[mine, 'ci']])
  assert.deepEqual(await seen(watcher), [
    [mine, 'ci'],
    [theirs, 'other'],
  ])
  await cluster.waitUntil('its output is there', async () =>
    (await withToken(ci, 'logs', mine)).stdout.includes('it sleeps'),
  )
  for (const [token, ...args] of [
    [ci, 'logs', theirs],
    [ci, 'kill', theirs],
    [ci, 'drain', 'w1'],
    [ci, 'trace'],
    [ci, 'token', 'ls'],
    [watcher, 'kill', mine],
    [watcher, 'logs', mine],
    [watcher, 'submit', '--no-code', 'sleep.mjs'],
    [watcher, 'trace', '--payloads'],
  ] as [string, ...string[]][]) {
    const refused = await withToken(token, ...args)
    assert.deepEqual([codeOf(refused), refused.code], ['FIRESTEEL_NOT_ALLOWED', 4], args.join(' '))
  }
  assert.equal((await withToken(watcher, 'trace')).code, 0)
  assert.equal((await withToken(ci, 'kill', mine)).code, 0)
  const { stdout } = await withToken(watcher, 'whoami')
  assert.match(
    stdout,
    /^watcher: the role observe, by the token observe\.0\.[0-9a-f]{16}, which does not end/,
  )
  await cluster.cli(['kill', theirs])
})

test('tasks of an application run by a token, and it belongs to that token', async () => {
  const token = await create('submit', 'library')
  const found = { token, executor: { memory: '64m' }, cores: 1 } as const
  await using app = await connect(cluster.address, found)
  const { square } = app.tasks<typeof import('../tools/token-tasks.js')>(
    new URL('../tools/token-tasks.js', import.meta.url),
  )
  assert.equal(await square(7), 49)
  const { stdout } = await cluster.cli(['status', app.id, '--json'])
  assert.equal((JSON.parse(stdout) as { owner: string }).owner, 'library')
})

test('a revoked token opens nothing at any node, its links end, and so it stays after a failover', async () => {
  const token = await create('operate', 'leaver')
  const app = await connect(cluster.address, { token, executors: 0 })
  let reason: unknown
  app.on('closed', ({ error }) => {
    reason = error ?? 'closed'
  })
  const revoked = await cluster.cli(['token', 'revoke', 'leaver', '--json'])
  assert.equal(revoked.code, 0, revoked.stderr)
  assert.equal(codeOf(await withToken(token, 'status')), 'FIRESTEEL_CREDENTIAL_ENDED')
  await cluster.waitUntil('its application ends with it', () => reason !== undefined, { deadlineMs: 60_000 })
  assert.equal((reason as { code?: string }).code, 'FIRESTEEL_CREDENTIAL_ENDED')
  const kept = await create('observe', 'kept')
  const leader = (await cluster.leader())!
  await cluster.kill(leader)
  await cluster.waitAlive()
  assert.equal(codeOf(await withToken(token, 'status')), 'FIRESTEEL_CREDENTIAL_ENDED')
  assert.equal((await withToken(kept, 'status')).code, 0)
  const { stdout } = await cluster.cli(['token', 'ls', '--json'])
  const rows = JSON.parse(stdout) as { name: string; state: string; revokedBy: string | null }[]
  assert.deepEqual(
    rows
      .filter(({ name }) => ['leaver', 'kept'].includes(name))
      .map(({ name, state, revokedBy }) => [name, state, revokedBy]),
    [
      ['leaver', 'revoked', 'secret'],
      ['kept', 'in force', null],
    ],
  )
})

test('an admin by a token makes tokens without the secret; one that has ended is refused before it is used', async () => {
  const boss = await create('admin', 'boss')
  const made = await withToken(
    boss,
    'token',
    'create',
    '--role',
    'observe',
    '--name',
    'short',
    '--expires',
    '1s',
    '--json',
  )
  assert.equal(made.code, 0, made.stderr)
  const short = JSON.parse(made.stdout) as { token: string; by: string }
  assert.equal(short.by, 'boss')
  await cluster.waitUntil(
    'its end',
    async () => codeOf(await withToken(short.token, 'whoami')) === 'FIRESTEEL_TOKEN_INVALID',
  )
  assert.equal((await withToken(`${boss.slice(0, -1)}${boss.endsWith('A') ? 'B' : 'A'}`, 'status')).code, 4)
})

test('a token is kept in .firesteel/token, if nobody else can read it', async () => {
  const token = await create('observe', 'file')
  const folder = join(elsewhere, '.firesteel')
  await mkdir(folder, { mode: 0o700 })
  const path = join(folder, 'token')
  await writeFile(path, `${token}\n`, { mode: 0o600 })
  const whoami = () =>
    runCommand({
      command: process.execPath,
      args: [bin, 'whoami', '--json', '--master', cluster.address],
      cwd: elsewhere,
      env: { PATH: process.env.PATH ?? '' },
    })
  const { stdout } = await whoami()
  assert.equal((JSON.parse(stdout) as { name: string }).name, 'file')
  await chmod(path, 0o644)
  assert.equal(codeOf(await whoami()), 'FIRESTEEL_FOLDER_UNTRUSTED')
  await chmod(path, 0o600)
  assert.equal((await readFile(path, 'utf8')).trim(), token)
})
