import assert from 'node:assert/strict'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, firesteel, folder, smallCluster } from '../tools/command-fixture.js'
import { processSpace, processSpaceRefused } from '../tools/process-space.js'

/* Process 1 of a container, as `config/docker/entrypoint.sh` makes it, and Firesteel itself in that place. */

const skip = processSpaceRefused()
const entrypoint = fileURLToPath(new URL('../../../config/docker/entrypoint.sh', import.meta.url))
const LEFT = 20

/** Its processes lose their parent, which process 1 replaces, and end then. */
const LEAVING = `
const { spawn } = require('node:child_process')
for (let n = 0; n < ${LEFT}; n++) spawn('sh', ['-c', 'sleep 0.2 & exit'], { stdio: 'ignore' })
setTimeout(() => process.exit(), 1500)
`

interface FirstProcess {
  readonly pid: number
  readonly cwd: string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Children of process 1 that have ended, and for which it has not waited. */
  zombies(): number
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

/** `up` in a space of processes, with `command` as its process 1. Resolves when the cluster is ready. */
async function startFirst(t: TestContext, command: readonly string[]): Promise<FirstProcess> {
  const cwd = await folder(t, { 'c.yaml': smallCluster(), 'leaving.cjs': LEAVING })
  symlinkSync(bin, join(cwd, 'firesteel'))
  const child = await startChild({
    command: 'unshare',
    args: [...processSpace, '--', ...command, 'up', 'c.yaml'],
    cwd,
    env: { ...childEnvironment(), PATH: `${cwd}:${process.env.PATH}` },
    stdout: 'pipe',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => child.stop({ graceMs: 0 }))
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk
  })
  await waitUntil('the cluster to be ready', () => said.includes('is ready'))
  const [pid] = childrenOf(child.pid)
  assert.ok(pid)
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NSpid:.*\t1$/m)
  const zombies = (): number => childrenOf(pid).filter((of) => readProcess(of)?.state === 'Z').length
  return { pid, cwd, exited: child.exited, zombies }
}

const leave = async ({ cwd }: FirstProcess): Promise<void> => {
  const { code, stdout, stderr } = await firesteel(
    ['submit', '--wait', '--no-code', '--memory', '128m', 'leaving.cjs'],
    {
      cwd,
    },
  )
  assert.equal(code, 0, stdout + stderr)
}

test('the entry point of the container image as process 1: it takes in what drivers leave, and SIGTERM ends all in order', {
  skip,
}, async (t) => {
  const first = await startFirst(t, [entrypoint])
  await leave(first)
  await waitUntil('no process that ended is left', () => first.zombies() === 0)
  process.kill(first.pid, 'SIGTERM')
  assert.deepEqual(await first.exited, { code: 0, signal: null })
})

test('the entry point passes on every signal and exit code, and standard input', { skip }, async (t) => {
  const first = await startFirst(t, [entrypoint])
  process.kill(first.pid, 'SIGINT')
  assert.deepEqual(await first.exited, { code: 130, signal: null })
  const run = async (...args: string[]) => {
    const child = await startChild({
      command: entrypoint,
      args,
      cwd: first.cwd,
      env: { ...childEnvironment(), PATH: `${first.cwd}:${process.env.PATH}` },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
      ownGroup: true,
    })
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk
    })
    child.stdin?.end('one\ntwo\n')
    const { code } = await child.exited
    await child.closed
    return { code, said }
  }
  assert.equal((await run('check', 'missing.yaml')).code, 2)
  assert.deepEqual(await run('each', '--dry-run', 'echo'), { code: 0, said: 'echo one\necho two\n' })
})

test('Firesteel as process 1: SIGTERM ends all in order, but what drivers leave stays until then', {
  skip,
}, async (t) => {
  const first = await startFirst(t, [bin])
  await leave(first)
  await waitUntil('what the driver left has ended', () => first.zombies() >= LEFT)
  process.kill(first.pid, 'SIGTERM')
  assert.deepEqual(await first.exited, { code: 0, signal: null })
})
