import { spawnError } from '../../runtime/process/spawn-error.js'
import { spawnNow } from '../../runtime/process/spawn-now.js'
import { SpawnedProcesses } from '../../runtime/process/spawned-processes.js'
import type { Spawner } from '../../runtime/process/spawner.js'

/** Starts processes as a guard does, in this process: for tests that need no guard. */
export function ownSpawner(): Spawner {
  const spawned = new SpawnedProcesses()
  return {
    spawn: (request) =>
      new Promise((resolve, reject) => {
        let identity = { pid: 0, startTime: '' }
        spawnNow(request, {
          started: (started) => {
            identity = started
            spawned.add(started)
            resolve(spawned.get(started.pid, started.startTime))
          },
          failed: (cause) => void spawnError(cause, request).then(reject),
          ended: (exit) => spawned.ended({ ...identity, ...exit }),
        })
      }),
    spawned: (pid, startTime) => spawned.get(pid, startTime),
    extend: () => undefined,
    remove: (pid) => spawned.forget(pid),
  }
}
