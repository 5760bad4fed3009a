import { setTimeout as delay } from 'node:timers/promises'
import { FiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { livingLauncher } from '../../state-folder.js'
import type { Deployment } from '../config/deployment.js'

/**
 * Ends the launcher of this folder as an announced restart: its Workers leave their work to this process.
 * Nothing happens where none runs. Throws CONFIG_CONFLICT if what runs could not find its Masters again.
 */
export async function replaceLauncher(folder: string, masters: Deployment['masters']): Promise<void> {
  const pid = livingLauncher(folder)
  if (pid === undefined) return
  const moving = masters.find(({ port }) => port === 0)
  if (moving)
    throw new FiresteelError(
      'CONFIG_CONFLICT',
      `${moving.name} has port 0, so it would be elsewhere, and what runs could not find it.`,
      { help: 'Give each Master a fixed port, or stop the cluster with `firesteel down`.' },
    )
  process.kill(pid, 'SIGUSR2')
  // Workers leave first, then Masters stop.
  const untilMs = performance.now() + innerLimits.nodeLeaveMs + 2 * limits.stopGraceMs
  while (livingLauncher(folder) === pid) {
    if (performance.now() > untilMs)
      throw new FiresteelError('ALREADY_UP', `Process ${pid} does not end.`, {
        place: folder,
        help: `Look at process ${pid}. The guards of its Workers keep their work for at most ${limits.workerRestartMs / 1000} s.`,
      })
    await delay(innerLimits.launcherLookMs)
  }
}
