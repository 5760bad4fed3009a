import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir, uptime } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { type Guard, startGuard } from '../../runtime/process/guard.js'
import { oomScoreOf } from '../../runtime/process/oom-score.js'
import type { SpawnRequest } from '../../runtime/process/spawner.js'
import { waitUntil } from '../harness/wait-until.js'

const folder = mkdtempSync(join(tmpdir(), 'firesteel-starts-'))
// The pipe of a guard does not keep a process running. A Worker has its links for that.
const keepRunning = setInterval(() => undefined, 1000)
after(() => {
  clearInterval(keepRunning)
  rmSync(folder, { recursive: true })
})

async function guardOf(t: TestContext): Promise<Guard> {
  const guard = await startGuard({ orphanGraceMs: 0 })
  t.after(() => guard.close())
  return guard
}

const request = (name: string, script: string, changes: Partial<SpawnRequest> = {}): SpawnRequest => ({
  command: 'sh',
  args: ['-c', script],
  cwd: '/',
  env: { PATH: process.env.PATH ?? '' },
  stdout: join(folder, `${name}.out`),
  stderr: join(folder, `${name}.err`),
  within: folder,
  boot: 'the boot text\n',
  ...changes,
})

const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

test('the guard starts a process: a group of its own, its files, its boot text; and tells its end', async (t) => {
  const guard = await guardOf(t)
  const spawned = await guard.spawn(
    request('whole', 'ps -o pgid= -p $$ 2>/dev/null; cat <&3; echo wrong >&2; exit 7'),
  )
  assert.deepEqual(await spawned.exited, { code: 7, signal: null })
  assert.match(read('whole.out'), /the boot text\n$/)
  assert.equal(read('whole.err'), 'wrong\n')
  const killed = await guard.spawn(request('killed', 'kill -9 $$'))
  assert.deepEqual(await killed.exited, { code: null, signal: 'SIGKILL' })
  guard.remove(spawned.pid)
  guard.remove(killed.pid)
})

test('when memory runs out the kernel kills what the guard has started before the guard', {
  skip: oomScoreOf('self') === undefined && 'this kernel has no oom_score_adj',
}, async (t) => {
  const guard = await guardOf(t)
  const spawned = await guard.spawn(request('score', 'sleep 600'))
  const own = oomScoreOf('self') ?? 0
  assert.equal(oomScoreOf(spawned.pid), Math.min(1000, own + limits.workOomScoreAdj))
  assert.equal(oomScoreOf(guard.pid as number), own)
})

test('what cannot be started is told with its reason, and nothing is left', async (t) => {
  const guard = await guardOf(t)
  await assert.rejects(guard.spawn(request('absent', '', { command: '/no/such/program' })), {
    code: 'FIRESTEEL_SPAWN_FAILED',
    message: /^\/no\/such\/program could not be started: no such file/,
  })
  await assert.rejects(guard.spawn(request('folder', '', { cwd: '/no/such/folder' })), {
    code: 'FIRESTEEL_FOLDER_MISSING',
  })
  symlinkSync('/etc/hostname', join(folder, 'link.out'))
  await assert.rejects(guard.spawn(request('link', 'exit 0')), /link\.out is not a plain file/)
  await assert.rejects(guard.spawn(request('late', 'exit 0', { validUntilBootMs: uptime() * 1000 - 1 })), {
    code: 'FIRESTEEL_SPAWN_FAILED',
    message: /no leader has answered for too long/,
  })
})

test('many starts at once are answered each with its own end', async (t) => {
  const guard = await guardOf(t)
  const ends = await Promise.all(
    Array.from({ length: 40 }, async (_, code) => {
      const spawned = await guard.spawn(request(`many-${code}`, `exit ${code}`))
      const exit = await spawned.exited
      guard.remove(spawned.pid)
      return exit.code
    }),
  )
  assert.deepEqual(
    ends,
    Array.from({ length: 40 }, (_, code) => code),
  )
})

/** The guard is killed, and there is another one. */
async function replaced(guard: Guard): Promise<void> {
  const first = guard.pid!
  process.kill(first, 'SIGKILL')
  await waitUntil('the next guard', () => guard.pid !== undefined && guard.pid !== first)
}

test('a guard that is killed leaves what it started to the next one; only the exit code is lost', async (t) => {
  const guard = await guardOf(t)
  const spawned = await guard.spawn(request('adrift', 'sleep 600'))
  const identity = identityOf(spawned.pid)!
  await replaced(guard)
  assert.ok(isAlive(identity))
  // Asked while there was none, or of the next one: it is started once.
  const later = await guard.spawn(request('later', 'exit 3'))
  assert.deepEqual(await later.exited, { code: 3, signal: null })
  guard.remove(later.pid)
  process.kill(-spawned.pid, 'SIGKILL')
  assert.deepEqual(await spawned.exited, { code: null, signal: null })
  guard.remove(spawned.pid)
})

test('the next guard ends what the first one started, when its Worker closes it', async (t) => {
  const guard = await guardOf(t)
  const spawned = await guard.spawn(request('left', 'trap "" TERM; sleep 600 & wait'))
  const identity = identityOf(spawned.pid)!
  await replaced(guard)
  await guard.close()
  assert.equal(isAlive(identity), false)
})
