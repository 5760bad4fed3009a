import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Confinement } from '../../actors/messages/workers.js'
import { startChild } from '../../runtime/process/child.js'
import { coreLimitIn } from '../../runtime/process/core-dumps.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { findProgram } from '../../runtime/process/new-privileges.js'
import { type ProcessTable, readProcessTable } from '../../runtime/process/process-table.js'
import { startRedis } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, firesteel, folder, smallCluster, startUp } from '../tools/command-fixture.js'
import { statusOf } from '../tools/status.js'

/* What others on a machine see of a cluster: its processes, its folders, its files. */

const SECRET = 'the-secret-of-this-cluster-0123456789abcdef'
const PASSWORD = 'the-password-of-this-store'
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

const DRIVER = `
import { spawn } from 'node:child_process'
spawn('sleep', ['600'])
console.log('the driver runs')
setInterval(() => {}, 1000)
`

const FILE = (port: number): string => `
cluster: test
recovery: {mode: REDIS, redis: "redis://:\${REDIS_PASSWORD}@127.0.0.1:${port}/0"}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 4, memory: 2g}]
security: {secret: "\${FIRESTEEL_SECRET}"}
submissions: [{name: stays, main: ./driver.mjs}]
logging: {level: info, format: text}
`

function descendants(table: ProcessTable, of: number): number[] {
  const found = [of]
  for (const pid of found)
    for (const entry of table.values()) if (entry.parentPid === pid) found.push(entry.pid)
  return found.slice(1)
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It has ended since.
    return ''
  }
}

function* pathsIn(path: string): Generator<string> {
  yield path
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) yield* pathsIn(join(path, name))
}

/** Whether another user can read this file, or list this folder. */
const othersRead = (path: string): boolean =>
  spawnSync('sh', ['-c', 'ls "$1" >/dev/null 2>&1 && head -c 1 "$1" >/dev/null 2>&1', 'sh', path], {
    uid: NOBODY,
    gid: NOBODY,
  }).status === 0

test('no secret is in the arguments or the environment of a process, no file is for others, and no node dumps its memory', async (t) => {
  const redis = await startRedis({ password: PASSWORD })
  const env = { FIRESTEEL_SECRET: SECRET, REDIS_PASSWORD: PASSWORD }
  const cwd = await folder(t, { 'c.yaml': FILE(redis.port), 'driver.mjs': DRIVER })
  atEnd(t, () => redis.stop())
  // Whatever keeps others out must be ours, and not the folder of this test.
  chmodSync(cwd, 0o755)
  // As a shell of a developer may have it.
  spawnSync('prlimit', ['--pid', String(process.pid), '--core=unlimited:'])
  const up = await startUp(t, cwd, ['c.yaml'], env)
  const ready = await up.ready()
  const sleepers = (): number[] =>
    descendants(readProcessTable(), up.pid).filter((pid) =>
      read(`/proc/${pid}/cmdline`).startsWith('sleep\x00600'),
    )
  // Else the application may take all cores before it.
  await waitUntil('the driver to run', () => sleepers().length === 1)
  const each = await startChild({
    command: process.execPath,
    args: [bin, 'each', '--master', ready.master, 'sleep 600', '1', '2'],
    cwd,
    env: { ...childEnvironment(), FIRESTEEL_SECRET: SECRET },
    ...{ stdout: 'ignore', stderr: 'ignore', ownGroup: true },
  })
  atEnd(t, () => each.stop({ graceMs: 0 }))

  await waitUntil('the driver and two tasks to run', () => sleepers().length === 3)
  const pids = descendants(readProcessTable(), up.pid)
  // m1, w1, its guard, the driver, an executor or more, and what they run.
  assert.ok(pids.length >= 8, `${pids.length} processes`)
  for (const pid of pids) {
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\x00', ' ')
    for (const place of ['cmdline', 'environ']) {
      const text = read(`/proc/${pid}/${place}`)
      for (const secret of [SECRET, PASSWORD])
        assert.ok(!text.includes(secret), `the ${place} of process ${pid} (${command}) has a secret`)
    }
    assert.equal(coreLimitIn(read(`/proc/${pid}/limits`)), '0', command)
    if (isRoot) assert.ok(!othersRead(`/proc/${pid}/environ`), command)
  }
  assert.ok(!up.stderr().includes(SECRET) && !up.stderr().includes(PASSWORD), 'the log')

  const paths = [...pathsIn(join(cwd, '.firesteel'))]
  assert.ok(paths.some((path) => path.endsWith('/stdout')))
  for (const path of paths) {
    const { mode } = lstatSync(path)
    // Read-only code in a folder that nobody else can enter.
    if (!path.includes('/code/'))
      assert.equal(mode & 0o077, 0, `${path} has the mode ${(mode & 0o777).toString(8)}`)
    if (isRoot) assert.ok(!othersRead(path), path)
  }
  if (isRoot) assert.ok(othersRead(join(cwd, 'driver.mjs')), 'the trial itself: nobody is in the way there')
  const status = await firesteel(['status', '--json', '--master', ready.master], { cwd, env })
  assert.equal(status.code, 0, status.stderr)
  assert.ok(!status.stdout.includes(SECRET) && !status.stdout.includes(PASSWORD))
})

test('status says how a Worker keeps its work in bounds, and a daemon that forked twice ends with a Worker that is killed', async (t) => {
  // No other process of this machine has these words.
  const seconds = `600.${process.pid}`
  const cwd = await folder(t, {
    'c.yaml': smallCluster(),
    'driver.mjs': `
import { spawn } from 'node:child_process'
spawn('sh', ['-c', '(setsid sh -c "sleep ${seconds} & exit" &)'])
setInterval(() => {}, 1000)
`,
  })
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  const { confinement } = await statusOf<{ confinement: Confinement }>(
    { address: ready.master, directory: cwd },
    'w1',
  )
  assert.equal(confinement.noNewPrivileges, findProgram('setpriv') !== undefined)
  assert.ok(['cgroup', 'watch'].includes(confinement.limits))
  const told = await firesteel(['status', 'w1'], { cwd })
  assert.match(told.stdout, confinement.noNewPrivileges ? /no new privileges/ : /may gain privileges/)
  // Without control groups nobody can promise it.
  if (confinement.ends !== 'cgroup') return

  const daemons = (): number[] =>
    [...readProcessTable().keys()].filter((pid) => read(`/proc/${pid}/cmdline`) === `sleep\x00${seconds}\x00`)
  assert.equal((await firesteel(['submit', '--memory', '128m', 'driver.mjs'], { cwd })).code, 0)
  await waitUntil('the daemon to live', () => daemons().length === 1)
  process.kill(ready.nodes.find(({ name }) => name === 'w1')!.pid, 'SIGKILL')
  await waitUntil('the daemon to have ended', () => daemons().length === 0)
})
