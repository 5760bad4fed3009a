import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../runtime/clock.js'
import { FiresteelError, isFiresteelError } from '../../../runtime/errors.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { identityOf } from '../../../runtime/process/find-process.js'
import type { Guard } from '../../../runtime/process/guard.js'
import type { ToOutlive } from '../../../runtime/process/guard-lines.js'
import { within } from '../../../runtime/timers.js'
import type { CodeUsers } from '../code/worker-code.js'
import { ClaimFolder } from './claim-folder.js'
import { HAND_OVER_VERSION, type HandedOver } from './former-worker.js'
import type { SavedProcess } from './saved-process.js'
import type { SavedWorker } from './saved-worker.js'

/** The guard has just been killed. */
const NOBODY = { pid: 0, startTime: '' }

export interface HandOverParts {
  readonly workDir: string
  readonly name: string
  readonly guard: Guard
  readonly clock: Clock
  /** The work lives for so long without its Worker. */
  readonly restartMs: number
  /** Waits for the leader at most so long. */
  readonly notedMs: number
  /** Tells the leader. Resolves when that is durable. */
  announce(): Promise<void>
  /** Starts nothing and ends nothing from now on. Resolves when what was begun is known. */
  pause(): Promise<void>
  processes(): SavedProcess[]
  codes(): CodeUsers
  /** The last turn of the core. */
  saveCore(): Promise<SavedWorker>
  readonly place: Pick<HandedOver, 'cluster' | 'incarnation' | 'port' | 'webPort'>
  /** Tests stop here: each step by its name, when it is done. */
  readonly onStep?: ((step: HandOverStep) => void | Promise<void>) | undefined
}

/** In this order. The work ends with its Worker before `outlives`, and lives on from then. */
export const handOverSteps = ['prepared', 'noted', 'announced', 'paused', 'saved', 'outlives'] as const
export type HandOverStep = (typeof handOverSteps)[number]

/**
 * A planned restart, as the process does it that ends (protocol 8.6). After it this process must exit.
 * Rejects with RESTART_REFUSED, and nothing has changed, if the guard cannot wait for a next process, or if
 * no leader has written down in time that this one restarts.
 */
export async function handOver(parts: HandOverParts): Promise<void> {
  const { workDir, name, guard, clock, restartMs, onStep = () => undefined } = parts
  const folder = new ClaimFolder(workDir, name)
  const token = randomBytes(innerLimits.claimTokenBytes).toString('base64url')
  const note = (): Promise<void> => {
    const groups = guard.groups.map(({ pid, startTime }) => ({ pid, startTime }))
    return folder.write({ token, guard: identityOf(guard.pid ?? 0) ?? NOBODY, groups })
  }
  let untilBootMs = 0
  try {
    await folder.make()
    await guard.prepare({ token, folder: folder.path })
    await onStep('prepared')
    // Before the guard waits: without this note a next process would know of nothing that still runs.
    await note()
    await onStep('noted')
    // It counts from the announcement, so that no Master thinks the time is over before the guard does.
    untilBootMs = clock.bootMs() + restartMs
    await announced(parts)
    await onStep('announced')
  } catch (error) {
    guard.abandon()
    await within(folder.remove(), parts.notedMs)
    throw error
  }
  await parts.pause()
  await onStep('paused')
  const core = await parts.saveCore()
  // Starts that were under way are known now.
  await note()
  await onStep('saved')
  const handedOver: HandedOver = {
    version: HAND_OVER_VERSION,
    ...parts.place,
    core,
    processes: parts.processes(),
    codes: parts.codes(),
  }
  const record = JSON.stringify(handedOver)
  const prepare = async (): Promise<void> => {
    await guard.prepare({ token, folder: folder.path })
    await note()
  }
  await keptBy(guard, { untilBootMs, record }, prepare)
  await onStep('outlives')
}

async function announced({ announce, notedMs }: HandOverParts): Promise<void> {
  let isNoted = false
  const noted = announce().then(() => {
    isNoted = true
  })
  await within(noted, notedMs)
  if (isNoted) return
  throw new FiresteelError(
    'RESTART_REFUSED',
    `No leader has written down within ${notedMs / 1000} s that this Worker restarts. It goes on.`,
    { help: 'See `firesteel status`, and try again when a Master is ALIVE and its store answers.' },
  )
}

/**
 * There is no way back once the core was saved: if the guard is killed now, the next one gets all that it had
 * been told. If that is too late, it ends the work.
 */
async function keptBy(guard: Guard, outlive: ToOutlive, prepare: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await guard.outlive(outlive)
      return
    } catch (error) {
      if (!isFiresteelError(error, 'RESTART_REFUSED')) throw error
    }
    await prepare().catch((error: unknown) => {
      if (!isFiresteelError(error, 'RESTART_REFUSED')) throw error
    })
  }
}
