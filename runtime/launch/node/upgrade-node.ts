import { FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { type InstalledPackage, packageAt } from '../../process/installed-package.js'
import type { Launcher } from './launcher.js'

/** What an order to run another release answers. */
export interface NodeUpgrade {
  readonly from: InstalledPackage
  readonly to: InstalledPackage
}

/**
 * Restarts a node with another release. If that does not become ready it runs the former one again: a
 * Worker's work is still there then, because its guard keeps it for the announced time. Throws
 * PATH_NOT_FOUND, RESTART_REFUSED, UPGRADE_STOPPED.
 */
export async function upgradeNode(launcher: Launcher, node: string, folder: string): Promise<NodeUpgrade> {
  const to = await packageAt(folder)
  const former = launcher.folderOf(node)
  const from = await packageAt(former).catch(() => ({ folder: former, version: 'unknown' }))
  launcher.runFrom(node, folder)
  const restarted = launcher.restart(node)
  try {
    await inTime(restarted)
    return { from, to }
  } catch (error) {
    launcher.runFrom(node, former)
    // It goes on with its present process.
    if (isFiresteelError(error, 'RESTART_REFUSED')) throw error
    // Where nothing starts it any more.
    if (!isFiresteelError(error, 'ASK_TIMEOUT')) await launcher.restart(node)
    const message = `${node} does not become ready with ${to.version}: ${reasonOf(error)}. Its next process is of ${from.version} again.`
    throw new FiresteelError('UPGRADE_STOPPED', message, { place: node, cause: error })
  }
}

async function inTime(restarted: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new FiresteelError('ASK_TIMEOUT', `nothing within ${innerLimits.upgradeReadyMs} ms`)
    timer = setTimeout(() => reject(error), innerLimits.upgradeReadyMs)
  })
  restarted.catch(() => undefined)
  try {
    await Promise.race([restarted, late])
  } finally {
    clearTimeout(timer)
  }
}
