import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programs } from '../../built-file.js'
import { findUser, openWay, type RunAs, requireReach } from '../../process/run-as.js'
import type { WorkerSpec } from './node-spec.js'

/**
 * The user that the work of this Worker runs as. Its way to the work folder is opened, and it reads what
 * every executor loads. Throws RUN_AS_REFUSED: that is better at the start of the Worker than at each launch.
 */
export function prepareUser({ runAs, workDirectory }: WorkerSpec): RunAs {
  const user = findUser(runAs ?? '')
  mkdirSync(workDirectory, { recursive: true, mode: 0o700 })
  // The work folder of the Worker, that of all Workers, and the state folder. Nobody lists them.
  for (let at = workDirectory, levels = 3; levels > 0; at = dirname(at), levels--) openWay(at)
  requireReach(user, workDirectory, [process.execPath, fileURLToPath(programs.executor)])
  return user
}
