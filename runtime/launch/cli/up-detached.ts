import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { builtFile } from '../../built-file.js'
import { errorOf, FiresteelError } from '../../errors.js'
import { limits } from '../../limits.js'
import { type DetachedProcess, startDetached } from '../../process/detach.js'
import { livingLauncher, runningLauncher } from '../../state-folder.js'
import { before, systemTimers, within } from '../../timers.js'
import { makeFolder } from '../config/folder.js'
import type { LauncherLine } from '../node/launcher-core.js'
import type { ErrorRecord } from '../node/node-spec.js'
import { type Console, Interrupted, untilInterrupted } from './console.js'
import { printLine, type UpPlan } from './up.js'

const bin = fileURLToPath(builtFile('runtime/launch/cli/bin.js'))

type Message = LauncherLine | { readonly event?: undefined; readonly error: ErrorRecord }

const LONGER = 'With --master-timeout, or without --detach, `firesteel up` waits longer for it.'
const lasting: ReadonlySet<string> = new Set(['FIRESTEEL_STORE_DENIED', 'FIRESTEEL_STORE_UNSUITABLE'])

/** What keeps the cluster from being ready, and how long that may last. */
interface Hindrance {
  error: Error | undefined
  readonly patienceMs: number
}

/** Resolves at `ready`. Rejects with the error that prevented it. */
function untilReady(
  io: Console,
  plan: UpPlan,
  child: DetachedProcess,
  log: string,
  hindrance: Hindrance,
): Promise<void> {
  let patience: NodeJS.Timeout | undefined
  const ready = new Promise<void>((resolve, reject) => {
    child.control.onMessage((received) => {
      const message = received as Message
      if (message.event === undefined) {
        reject(errorOf(message.error))
        return
      }
      void printLine(io, message, plan.json)
      if (message.event === 'ready') resolve()
      if (message.event !== 'waiting') return
      clearTimeout(patience)
      if (message.error === null) hindrance.error = undefined
      else {
        // Without the right to write, waiting helps nobody.
        const isLasting = lasting.has(message.error.code)
        const help = isLasting ? message.error.help : `${message.error.help} ${LONGER}`
        hindrance.error = errorOf({ ...message.error, help })
        patience = setTimeout(() => reject(hindrance.error), isLasting ? 0 : hindrance.patienceMs)
      }
    })
    void child.control.ended.then(() => {
      reject(
        new FiresteelError('INTERNAL', 'The cluster ended before it was ready.', {
          place: log,
          help: `See ${log}.`,
        }),
      )
    })
  })
  return ready.finally(() => clearTimeout(patience))
}

/** Starts `up` in a session of its own, and returns when the cluster is ready. */
export async function upDetached(
  io: Console,
  plan: UpPlan,
  childArguments: readonly string[],
  timeout: { readonly ms: number; readonly given: boolean },
): Promise<void> {
  const timeoutMs = timeout.ms
  const hindrance: Hindrance = {
    error: undefined,
    patienceMs: timeout.given ? timeoutMs : limits.detachPatienceMs,
  }
  await makeFolder(plan.folder)
  const log = join(plan.folder, 'up.log')
  const child = await startDetached({
    command: process.execPath,
    args: [bin, ...childArguments],
    cwd: io.cwd,
    // Its deployment file may refer to any variable, as that of an `up` in the foreground.
    env: Object.fromEntries(
      Object.entries(io.environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
    ),
    outputPath: log,
  })
  const late = (): Error =>
    hindrance.error ??
    new FiresteelError('NO_MASTER', `The cluster was not ready within ${timeoutMs} ms.`, {
      place: log,
      help: `See ${log}; --master-timeout waits longer.`,
    })
  const interrupted = untilInterrupted(io).then(() => {
    throw new Interrupted()
  })
  try {
    const ready = Promise.race([untilReady(io, plan, child, log, hindrance), interrupted])
    await before(ready, timeoutMs, systemTimers, late)
  } catch (error) {
    await stopProcess(child.pid, child.exited)
    throw error
  } finally {
    child.release()
  }
}

async function stopProcess(pid: number, exited: Promise<unknown>): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    return
  }
  await within(exited, 2 * limits.stopGraceMs)
}

/** Stops the launcher of a folder. False: none runs there. */
export async function downFolder(folder: string): Promise<boolean> {
  const launcher = runningLauncher(folder)
  if (launcher === undefined) return false
  const { pid, drainMs } = launcher
  process.kill(pid, 'SIGTERM')
  // Workers drain and stop first, then Masters stop. Each group has its own grace.
  const deadlineMs = performance.now() + drainMs + 2 * limits.stopGraceMs + 5000
  while (livingLauncher(folder) === pid) {
    if (performance.now() > deadlineMs) {
      throw new FiresteelError('NOT_ALLOWED', `Process ${pid} does not stop.`, {
        help: `Look at process ${pid}.`,
      })
    }
    await delay(20)
  }
  return true
}
