import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitText } from '../../actors/messages/driver-life-text.js'
import { exitText as endText } from '../../actors/worker/exit-text.js'
import { countFiles, KernelKills, killsIn } from '../../runtime/process/kernel-kills.js'

/* Kills of the kernel for lack of memory, told from other kills, in the words that a person sees. */

test('the count stands in each of the three files', () => {
  assert.equal(killsIn('low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n'), 3, 'cgroup v2')
  assert.equal(killsIn('oom_kill_disable 0\nunder_oom 0\noom_kill 5\n'), 5, 'cgroup v1')
  assert.equal(killsIn('nr_free_pages 1\noom_kill 0\nnuma_hit 2\n'), 0, '/proc/vmstat')
  assert.equal(killsIn('oom_kill_disable 0\nunder_oom 0\n'), undefined, 'an old kernel')
})

test('the own group comes before the machine, with both versions of cgroups and in a container', () => {
  assert.deepEqual(countFiles('0::/system.slice/firesteel.service\n'), [
    '/sys/fs/cgroup/system.slice/firesteel.service/memory.events',
    '/sys/fs/cgroup/memory.events',
    '/proc/vmstat',
  ])
  assert.deepEqual(countFiles('0::/\n'), ['/sys/fs/cgroup/memory.events', '/proc/vmstat'])
  assert.deepEqual(countFiles('4:memory:/job\n3:cpu,cpuacct:/job\n').slice(0, 2), [
    '/sys/fs/cgroup/memory/job/memory.oom_control',
    '/sys/fs/cgroup/memory/memory.oom_control',
  ])
  assert.deepEqual(countFiles(''), ['/proc/vmstat'])
})

test('a kill counts for two seconds, also where a look came between it and the end of the process', () => {
  let nowMs = 0
  let count: number | undefined = 4
  const kills = new KernelKills(
    () => count,
    () => nowMs,
  )
  assert.equal(kills.hasKilled(), undefined, 'before the first look')
  kills.look()
  assert.equal(kills.hasKilled(), false)
  count = 5
  assert.equal(kills.hasKilled(), true)
  for (nowMs = 1000; nowMs <= 2000; nowMs += 1000) kills.look()
  assert.equal(kills.hasKilled(), true)
  for (nowMs = 3000; nowMs <= 4000; nowMs += 1000) kills.look()
  assert.equal(kills.hasKilled(), false, 'that kill was of another process')
  count = undefined
  assert.equal(kills.hasKilled(), undefined)
  const unreadable = new KernelKills(
    () => undefined,
    () => nowMs,
  )
  unreadable.look()
  assert.equal(unreadable.hasKilled(), undefined)
})

test('what a person reads of each', () => {
  const killed = { atMs: 0, generation: 1, attempt: 1, code: null, signal: 'SIGKILL' }
  const outOfMemory = { by: 'kernel', limitMib: 512, usedMib: 300 } as const
  const text = 'killed by the kernel, out of memory: it used 300 MiB at the last look, and was given 512 MiB'
  assert.equal(exitText({ ...killed, outOfMemory }), `SIGKILL, ${text}`)
  assert.equal(
    exitText({ ...killed, outOfMemory: { by: 'kernel', limitMib: 512 } }),
    'SIGKILL, killed by the kernel, out of memory: it was given 512 MiB',
  )
  assert.equal(exitText({ ...killed, killerUnknown: true }), 'SIGKILL, by whom is not known')
  assert.equal(exitText(killed), 'SIGKILL')
  const end = { exitCode: null, signal: 'SIGKILL' }
  assert.equal(endText({ ...end, overMemory: outOfMemory }), text.replace('killed', 'Killed'))
  assert.equal(
    endText({ ...end, isKillerUnknown: true }),
    'Command ended by signal SIGKILL, by whom is not known',
  )
  assert.equal(endText(end), 'Command ended by signal SIGKILL')
})
