import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import {
  type CgroupHome,
  cgroupFolder,
  cgroupMembers,
  killCgroup,
  removeCgroup,
  writeLimits,
} from '../../runtime/process/cgroup-files.js'
import {
  endLeftCgroups,
  limitsOf,
  openCgroupHome,
  removeLeftHomes,
  reserveForWorker,
} from '../../runtime/process/cgroup-home.js'
import { isAlive } from '../../runtime/process/find-process.js'
import { type Guard, startGuard } from '../../runtime/process/guard.js'
import { followGuarded } from '../../runtime/process/guarded-child.js'
import { unwatchedOutput } from '../../runtime/process/output-file.js'
import { readProcess } from '../../runtime/process/process-table.js'
import type { Spawned } from '../../runtime/process/spawner.js'
import { waitUntil } from '../harness/wait-until.js'

/*
 * Control groups of the work of a Worker. Membership and `cgroup.kill` with a real cgroup v2, where this
 * process may make groups; limits as files in a folder that stands in for one.
 */

const folder = mkdtempSync(join(tmpdir(), 'firesteel-groups-'))
const keepRunning = setInterval(() => undefined, 1000)
after(() => {
  clearInterval(keepRunning)
  rmSync(folder, { recursive: true, force: true })
})

const real = await openCgroupHome({ name: 'trial', workDir: folder })
const skip = typeof real === 'string' ? `no control groups here: ${real}` : false
const home = real as CgroupHome
after(() => {
  if (!skip) removeCgroup(home.path)
})

let names = 0
async function guardOf(t: TestContext): Promise<Guard> {
  const guard = await startGuard({ orphanGraceMs: 0 })
  guard.confine(home)
  t.after(() => guard.close())
  return guard
}

function spawn(guard: Guard, script: string): Promise<Spawned> {
  const output = join(folder, `${++names}`)
  return guard.spawn({
    ...{ command: 'sh', args: ['-c', script], cwd: '/', env: { PATH: process.env.PATH ?? '' }, boot: '' },
    ...{ stdout: output, stderr: output, within: folder },
    cgroup: limitsOf({ cores: 1, memoryMib: 64 }),
  })
}

/** Leaves session and parents at once, before anybody can look. Its own shell goes on. */
const DAEMON = '(setsid sh -c "sleep 600 & exit" &); '
/** Without the guard, which leaves a moment later. */
const pidsOf = ({ cgroup = '', starter }: Spawned): number[] =>
  cgroupMembers(cgroup).filter((pid) => pid !== starter)
const readFile = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
const identityOf = (pid: number) => ({ pid, startTime: readProcess(pid)?.startTime ?? '' })

test('the folder of the own group: cgroup v2 alone, beside v1, in a space of its own, or none', () => {
  const mounts = (rest: string): string => `25 1 0:23 / /sys rw - sysfs sysfs rw\n${rest}`
  const v2 = '30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n'
  const hybrid = '31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n'
  const lines = '5:memory:/a\n0::/system.slice/firesteel.service\n'
  assert.equal(cgroupFolder(lines, mounts(v2)), '/sys/fs/cgroup/system.slice/firesteel.service')
  assert.equal(cgroupFolder('0::/\n', mounts(hybrid)), '/sys/fs/cgroup/unified')
  assert.equal(cgroupFolder('0::/../outside\n', mounts(v2)), undefined)
  assert.equal(cgroupFolder('5:memory:/a\n', mounts(v2)), undefined)
  assert.equal(cgroupFolder('0::/\n', mounts('')), undefined)
})

test('a process is in its group from its first moment, with all that it starts, and its guard in none that ends', {
  skip,
}, async (t) => {
  const guard = await guardOf(t)
  const spawned = await Promise.all([spawn(guard, `${DAEMON}sleep 600`), spawn(guard, 'sleep 600')])
  const [first, second] = spawned
  await waitUntil('the daemon to be in it', () => pidsOf(first).length >= 3)
  assert.ok(pidsOf(first).includes(first.pid) && pidsOf(second).includes(second.pid))
  assert.notEqual(first.cgroup, second.cgroup)
  const output = unwatchedOutput('')
  for (const one of spawned) {
    const { follower } = followGuarded(one, { stdout: output, stderr: output })
    assert.ok(
      !follower.cgroupMembers().includes(guard.pid!),
      'its Worker never takes the guard for a part of it',
    )
    await waitUntil('the guard to have left', () => !cgroupMembers(one.cgroup!).includes(guard.pid!))
  }
})

test('what forked twice ends with its work: stopped by its Worker, or left behind by a leader that ended', {
  skip,
}, async (t) => {
  const guard = await guardOf(t)
  for (const isStopped of [true, false]) {
    const go = join(folder, `go-${isStopped}`)
    const spawned = await spawn(guard, `${DAEMON}while [ ! -e ${go} ]; do sleep 0.05; done`)
    const output = unwatchedOutput('')
    const child = followGuarded(spawned, { stdout: output, stderr: output })
    // The shell, the daemon and its child. What the shell waits with comes and goes.
    const identities = await waitUntil('the daemon to live', () => {
      const daemons = pidsOf(spawned).map(identityOf)
      const isThere =
        daemons.filter(({ pid }) => readFile(`/proc/${pid}/cmdline`).includes('600')).length === 2
      return isThere ? daemons : undefined
    })
    if (isStopped) await child.stop({ graceMs: 0 })
    else writeFileSync(go, '')
    await child.groupGone
    // The kernel takes a process out of its group a moment before it is dead.
    await waitUntil('all of it to be dead', () => identities.every((identity) => !isAlive(identity)))
    guard.remove(spawned.pid)
    // A group that is still in use at its end is removed with the next one.
    await spawn(guard, 'exit 0').then((next) => next.exited.then(() => guard.remove(next.pid)))
    await waitUntil('the group to be removed', () => !existsSync(spawned.cgroup ?? ''))
  }
})

test('a Worker that is killed: its guard ends what forked twice, and leaves no group', { skip }, async () => {
  const guard = await startGuard({ orphanGraceMs: 0 })
  guard.confine(home)
  const spawned = await spawn(guard, `${DAEMON}sleep 600`)
  await waitUntil('the daemon to be in it', () => pidsOf(spawned).length >= 3)
  const identities = pidsOf(spawned).map(identityOf)
  // Its end of the pipe ends, as the kernel does it for a process that is killed.
  await guard.close()
  await waitUntil('all of it to be dead', () => identities.every((identity) => !isAlive(identity)))
  assert.ok(!existsSync(spawned.cgroup ?? ''))
})

test('a Worker and its guard that are killed together: the next Worker ends what they left', {
  skip,
}, async (t) => {
  const guard = await guardOf(t)
  const spawned = await spawn(guard, `${DAEMON}sleep 600`)
  await waitUntil('the daemon to be in it', () => pidsOf(spawned).length >= 3)
  const identities = pidsOf(spawned).map(identityOf)
  assert.equal(endLeftCgroups(home), 0, 'not while its guard lives')
  const killed = guard.pid!
  process.kill(killed, 'SIGKILL')
  await waitUntil('another guard', () => guard.pid !== undefined && guard.pid !== killed)
  assert.equal(endLeftCgroups(home), 1)
  await waitUntil('all of it to have ended', () => identities.every((identity) => !isAlive(identity)))
  guard.remove(spawned.pid)
  await waitUntil(
    'the group to be removed',
    () => endLeftCgroups(home) === 0 && !existsSync(spawned.cgroup ?? ''),
  )
})

test('the empty folder of a Worker that was killed goes when another one starts, and that of a living one stays', {
  skip,
}, () => {
  const parent = dirname(home.path)
  const [dead, living, fresh] = ['dead', 'living', 'fresh'].map((name) =>
    join(parent, `firesteel-${name}-${process.pid}`),
  )
  const me = readProcess(process.pid)?.startTime
  const groups = [join(dead!, '4194305.1.1'), join(living!, `${process.pid}.${me}.1`)]
  for (const path of [dead!, living!, fresh!, ...groups]) mkdirSync(path)
  removeLeftHomes(home)
  const left = [dead!, living!, fresh!].filter(existsSync)
  for (const path of [...groups, dead!, living!, fresh!]) removeCgroup(path)
  assert.deepEqual(left, [living, fresh])
})

test('a guard whose folder is taken away starts without groups, and says so', { skip }, async (t) => {
  const events: string[] = []
  const path = join(home.path, 'no', 'such')
  writeFileSync(join(folder, 'no'), '')
  const guard = await startGuard({
    orphanGraceMs: 0,
    onEvent: (event) => events.push(event.event),
  })
  guard.confine({ path: join(folder, 'no', path), hasLimits: false })
  t.after(() => guard.close())
  const spawned = await spawn(guard, 'exit 3')
  assert.equal(spawned.cgroup, undefined)
  assert.deepEqual(await spawned.exited, { code: 3, signal: null })
  guard.remove(spawned.pid)
  assert.ok(events.includes('ungrouped'))
})

/** A folder with the files of one, for what a machine without controllers cannot show. */
function standIn(controllers: string, enabled = ''): string {
  const path = mkdtempSync(join(folder, 'root-'))
  writeFileSync(join(path, 'cgroup.controllers'), controllers)
  writeFileSync(join(path, 'cgroup.subtree_control'), enabled)
  return path
}

test('limits are used where the kernel gives all three controllers, else the groups end work alone', async () => {
  const all = 'cpuset cpu io memory pids\n'
  const without = standIn('cpuset cpu io pids\n', 'cpu pids')
  assert.deepEqual(await openCgroupHome({ name: 'w1', workDir: '/w', own: without }), {
    path: join(without, readdirSync(without).find((name) => name.startsWith('firesteel-w1-'))!),
    hasLimits: false,
  })
  // A parent with processes refuses to hand them on: a file that cannot be written stands in for that.
  const full = standIn(all)
  rmSync(join(full, 'cgroup.subtree_control'))
  mkdirSync(join(full, 'cgroup.subtree_control'))
  const refused = await openCgroupHome({ name: 'w1', workDir: '/w', own: full })
  assert.equal((refused as CgroupHome).hasLimits, false)
  const nowhere = await openCgroupHome({ name: 'w1', workDir: '/w', own: '/proc/nowhere' })
  assert.match(String(nowhere), /ENOENT/)
})

test('limits and the reserve are written as the kernel wants them', () => {
  const root = standIn('cpu memory pids\n', 'cpu memory pids')
  const path = join(root, 'home')
  mkdirSync(path)
  writeLimits(path, limitsOf({ cores: 2, memoryMib: 512 }))
  const read = (name: string): string => readFileSync(join(path, name), 'utf8')
  assert.deepEqual(
    ['memory.max', 'memory.oom.group', 'memory.swap.max', 'cpu.weight', 'pids.max'].map(read),
    [String(576 * 2 ** 20), '1', '0', '200', '8192'],
  )
  assert.equal(limitsOf({ cores: 65_536, memoryMib: 1 }).cpuWeight, 10_000)
  reserveForWorker({ path, hasLimits: true })
  assert.deepEqual(['memory.min', 'own/memory.min', 'own/cpu.weight', 'own/cgroup.procs'].map(read), [
    ...[String(128 * 2 ** 20), String(128 * 2 ** 20), '10000', String(process.pid)],
  ])
})

test('ending or removing a group that is gone does nothing', () => {
  killCgroup('/no/such/group')
  assert.ok(removeCgroup('/no/such/group'))
  assert.deepEqual(cgroupMembers('/no/such/group'), [])
})
