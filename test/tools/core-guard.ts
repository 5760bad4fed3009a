import childProcess from 'node:child_process'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import workerThreads from 'node:worker_threads'

/*
 * Loaded before each file of test/core (--import): what reaches out of the process or waits for a real clock
 * throws, and the file fails even where somebody catches that. Imports alone may be there: many a core shares
 * a file with its shell.
 */

const offences: string[] = []

function forbidden(what: string): (...args: readonly unknown[]) => never {
  return () => {
    const error = new Error(`a test of test/core may not ${what}: it belongs to test/io`)
    offences.push(error.stack ?? error.message)
    throw error
  }
}

/** Replaces functions of a module of Node, for those who import them by name too. */
function forbid(module: object, names: readonly string[], what: string): void {
  for (const name of names) {
    if (!(name in module)) throw new Error(`there is no ${name} to forbid`)
    Reflect.set(module, name, forbidden(what))
  }
}

const writes = [
  ...['appendFile', 'copyFile', 'cp', 'mkdir', 'mkdtemp', 'rename', 'rm', 'rmdir', 'symlink', 'truncate'],
  ...['unlink', 'writeFile'],
]

/** From Node 24 on the test runner sets its own timers by these functions. */
function noWaiting<T>(set: T, isOver: (ms: unknown) => boolean): T {
  const wait = forbidden('wait for a real clock')
  const guarded: Callable = (...args) =>
    isOver(args[1]) || isCalledByRunner(new Error().stack) ? (set as Callable)(...args) : wait()
  return guarded as T
}

/** Below the line of the error stands whom it was made for, then who called that. */
const isCalledByRunner = (stack = ''): boolean =>
  stack.split('\n')[2]?.includes('node:internal/test_runner') ?? false

type Callable = (...args: unknown[]) => unknown

/** A file may be opened to read it. */
function onlyReading<T>(open: T): T {
  const write = forbidden('write a file')
  const guarded: Callable = (...args) =>
    typeof args[1] === 'string' && args[1] !== 'r' ? write() : (open as Callable)(...args)
  return guarded as T
}

// The runner has this file too, and starts processes.
if (process.env.NODE_TEST_CONTEXT?.startsWith('child')) {
  forbid(
    childProcess,
    ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'],
    'start a process',
  )
  forbid(net.Socket.prototype, ['connect'], 'open a socket')
  forbid(net.Server.prototype, ['listen'], 'listen')
  forbid(workerThreads, ['Worker'], 'start a thread')
  forbid(fs, [...writes, ...writes.map((name) => `${name}Sync`), 'createWriteStream'], 'write a file')
  forbid(fsPromises, writes, 'write a file')
  fs.openSync = onlyReading(fs.openSync)
  fs.open = onlyReading(fs.open)
  fsPromises.open = onlyReading(fsPromises.open)
  forbid(timersPromises, ['setTimeout', 'setInterval'], 'wait for a real clock')
  // A timer that is over at once does not wait.
  globalThis.setTimeout = timers.setTimeout = noWaiting(setTimeout, (ms = 0) => (ms as number) <= 1)
  globalThis.setInterval = timers.setInterval = noWaiting(setInterval, () => false)
  syncBuiltinESMExports()
  process.once('exit', () => {
    if (offences.length === 0) return
    process.exitCode = 1
    process.stderr.write(`${offences.join('\n')}\n`)
  })
}
