import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type ChildListener, Children } from '../../actors/worker/children.js'
import { WorkFolders } from '../../actors/worker/work-folders.js'
import { systemClock } from '../../runtime/clock.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { silentLog } from '../../runtime/observe/log.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { readProcess, readProcessTable } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { ownSpawner } from '../tools/own-spawner.js'

/*
 * Runs with few descriptors (`ulimit -n`), in a folder of its own: what a Worker does when it has none left.
 */

const taken: number[] = []

function takeAll(): void {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE')
  }
}

function giveBack(): void {
  for (const descriptor of taken.splice(0)) closeSync(descriptor)
}

const told: string[] = []
const warned: string[] = []
const log: Log = { ...silentLog, warn: (message) => void warned.push(message) }
const listener: ChildListener = {
  started: (process) => void told.push(`started ${process}`),
  startFailed: (process, { noRoom }) => void told.push(`${noRoom ? 'no room' : 'failed'} ${process}`),
  ended: (process, { exitCode }) => void told.push(`ended ${process} ${exitCode}`),
}
const children = new Children({
  folders: new WorkFolders(process.cwd(), silentLog),
  guard: ownSpawner(),
  clock: systemClock,
  listener,
  log,
})
const start = (name: string): void =>
  children.start(
    name,
    Promise.resolve({
      command: process.execPath,
      args: ['-e', '0'],
      folder: [name],
      cwd: process.cwd(),
      env: childEnvironment(),
      boot: '{}\n',
      memoryMib: 64,
    }),
  )

// The living are seen, though nothing can be opened.
const before = readProcessTable().size
const child = await startChild({
  command: '/bin/sleep',
  args: ['1000'],
  cwd: '/',
  env: childEnvironment(),
  stdout: 'ignore',
  stderr: 'ignore',
  ownGroup: true,
})
takeAll()
assert.ok(readProcessTable().size >= Math.min(before, 2))
assert.equal(readProcess(process.pid)?.pid, process.pid)
assert.equal(child.groupEmpty(), false)

// A start waits, and goes on as soon as there are some.
start('patient')
await waitUntil('the start to be put off', () => warned.length > 0)
assert.equal(told.join(), '')
giveBack()
await waitUntil('the start', () => told.includes('ended patient 0'))
assert.deepEqual(told.splice(0), ['started patient', 'ended patient 0'])

// One that waits too long goes back to the Master: no failure of the work.
takeAll()
start('late')
await waitUntil('the end of its patience', () => told.length > 0, { deadlineMs: 3 * limits.shortageMs })
assert.equal(told.join(), 'no room late')

// Who is stopped is stopped.
await Promise.race([child.stop({ graceMs: 100 }), delay(5000, undefined, { ref: false })])
giveBack()
await waitUntil('the end of the child', () => child.groupEmpty())
children.close()
