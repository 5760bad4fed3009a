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
  try {
    await launcher.restart(node, { mostMs: innerLimits.upgradeReadyMs })
    return { from, to }
  } catch (error) {
    launcher.runFrom(node, former)
    // It goes on with its present process.
    if (isFiresteelError(error, 'RESTART_REFUSED')) throw error
    const back = await goneBack(launcher, node)
    const again = back ?? `It runs ${from.version} again.`
    const message = `${node} does not become ready with ${to.version}: ${reasonOf(error)} ${again}`
    throw new FiresteelError('UPGRADE_STOPPED', message, { place: node, cause: error })
  }
}

/** A process that hangs is ended. Resolves with what keeps the former release from running, for people. */
async function goneBack(launcher: Launcher, node: string): Promise<string | undefined> {
  try {
    await launcher.replace(node, { mostMs: innerLimits.upgradeReadyMs })
    return undefined
  } catch (error) {
    return `Nor is it ready with the former release: ${reasonOf(error)}`
  }
}
