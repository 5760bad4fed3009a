import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { ProcessExit } from './child-end.js'
import type { ProcessIdentity } from './find-process.js'
import { openPlain } from './plain-file.js'
import { readProcess } from './process-table.js'
import type { SpawnRequest } from './spawner.js'

export interface SpawnListener {
  /** In the turn of the start. */
  started(identity: ProcessIdentity): void
  /** Nothing was started. */
  failed(cause: unknown): void
  /** The process itself has ended. Always after `started`. */
  ended(exit: ProcessExit): void
}

/** Starts one process of a Worker, as its guard does. */
export function spawnNow(request: SpawnRequest, listener: SpawnListener): void {
  let spawned: ChildProcess
  try {
    spawned = spawnWithFiles(request)
  } catch (cause) {
    // Node throws for some reasons (too long, NUL in a name) and emits an error for others.
    listener.failed(cause)
    return
  }
  const { pid } = spawned
  if (pid === undefined) {
    spawned.once('error', (cause) => listener.failed(cause))
    return
  }
  // After a successful start only a failed kill() of Node comes here, and that is not used.
  spawned.on('error', () => undefined)
  spawned.once('exit', (code, signal) => listener.ended({ code, signal }))
  const boot = spawned.stdio[3] as Duplex
  // The process never reads it, or has ended: that is its own choice.
  boot.on('error', () => undefined)
  boot.resume()
  boot.end(request.boot)
  // It cannot have been reaped in this turn, so /proc still has it even if it has ended.
  listener.started({ pid, startTime: readProcess(pid)?.startTime ?? 'unknown' })
}

function spawnWithFiles(request: SpawnRequest): ChildProcess {
  const { command, args, cwd, env, stdout, stderr, within, owner } = request
  const outputs: number[] = []
  try {
    for (const path of [stdout, stderr]) outputs.push(openPlain(path, within, 'a'))
    return spawn(command, [...args], {
      cwd,
      env: { ...env },
      // setsid: a new session and group, so that no terminal's signal reaches it and one kill reaches all of
      // it.
      detached: true,
      // Node also takes the other groups of our user from it.
      ...(owner && { uid: owner.uid, gid: owner.gid }),
      stdio: ['ignore', outputs[0], outputs[1], 'pipe'],
    })
  } finally {
    for (const descriptor of outputs) closeSync(descriptor)
  }
}
