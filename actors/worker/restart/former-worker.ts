import { reasonOf } from '../../../runtime/errors.js'
import type { Log } from '../../../runtime/observe/log.js'
import { claimGuard } from '../../../runtime/process/claim-guard.js'
import { isAlive } from '../../../runtime/process/find-process.js'
import type { ClaimedGuard } from '../../../runtime/process/guard.js'
import { sendSignal } from '../../../runtime/process/send-signal.js'
import type { CodeUsers } from '../code/worker-code.js'
import { ClaimFolder, type ClaimNote } from './claim-folder.js'
import type { SavedProcess } from './saved-process.js'
import type { SavedWorker } from './saved-worker.js'

/** A planned restart: what one process of a Worker leaves to the next, by way of the guard. */
export interface HandedOver {
  readonly version: typeof HAND_OVER_VERSION
  readonly cluster: string
  readonly incarnation: string
  /** Where it listened. */
  readonly port: number
  readonly webPort: number
  readonly core: SavedWorker
  readonly processes: readonly SavedProcess[]
  readonly codes: CodeUsers
}

export const HAND_OVER_VERSION = 1

export interface FormerWorker extends HandedOver {
  readonly guard: ClaimedGuard
}

export interface ClaimOptions {
  readonly workDir: string
  /** Of the Worker. */
  readonly name: string
  readonly cluster: string
  readonly log: Log
}

/**
 * Claims what the process before has left: at once, because the announced time runs. Undefined: this is a
 * fresh Worker. Nothing of a former one is left then, because its guard ends it, or this does.
 */
export async function claimFormer({
  workDir,
  name,
  cluster,
  log,
}: ClaimOptions): Promise<FormerWorker | undefined> {
  const folder = new ClaimFolder(workDir, name)
  const note = await folder.read()
  if (!note) return undefined
  const claimed = await claim(folder, note, cluster)
  await folder.remove().catch((error: unknown) => {
    log.warn('the note of a restart could not be removed', { path: folder.path, reason: reasonOf(error) })
  })
  if (typeof claimed !== 'string') return claimed
  log.warn('a restart was announced, and there is nothing to take back: this Worker begins anew', {
    reason: claimed,
  })
  endLeft(note)
  return undefined
}

async function claim(
  folder: ClaimFolder,
  { token }: ClaimNote,
  cluster: string,
): Promise<FormerWorker | string> {
  const guard = await claimGuard(folder.path, token).catch(reasonOf)
  if (typeof guard === 'string') return guard
  const handedOver = readHandedOver(guard.yours.record)
  const isKnown = handedOver?.version === HAND_OVER_VERSION
  if (isKnown && handedOver.cluster === cluster) return { ...handedOver, guard }
  // Without its Worker the guard ends all of it.
  guard.link.destroy()
  return isKnown
    ? `it belongs to the cluster ${handedOver.cluster}`
    : 'it was handed over by a release that this one does not understand'
}

function readHandedOver(record: string): HandedOver | undefined {
  try {
    return JSON.parse(record) as HandedOver
  } catch {
    return undefined
  }
}

/**
 * If its guard was killed as well, nobody else ends what still runs. A guard that lives ends it, or keeps it
 * for another process that was faster than this one.
 */
function endLeft({ guard, groups }: ClaimNote): void {
  if (isAlive(guard)) return
  for (const group of groups) if (isAlive(group)) sendSignal(-group.pid, 'SIGKILL')
}
