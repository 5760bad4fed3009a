import { randomUUID } from 'node:crypto'
import { errorOf, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import type { LauncherOrder, RegisterLauncher } from '../messages/launchers.js'
import type { MasterClient } from './master-client.js'

export type Launcher = Omit<RegisterLauncher, 'type'>

export const linkedLaunchers = async (client: MasterClient): Promise<readonly Launcher[]> =>
  (await client.request({ type: 'RequestLaunchers' })).launchers

/**
 * The launchers that are linked, as soon as they suffice; after launcherPatienceMs those that are. After a
 * failover a launcher has no link for a moment, because it dials the new leader.
 */
export async function awaitLaunchers(
  client: MasterClient,
  suffice: (launchers: readonly Launcher[]) => boolean,
  signal: AbortSignal,
): Promise<readonly Launcher[]> {
  const untilMs = performance.now() + limits.launcherPatienceMs
  for (;;) {
    const launchers = await linkedLaunchers(client)
    if (suffice(launchers) || performance.now() > untilMs) return launchers
    await pause(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}

/** The launcher that runs this node; undefined: none that is linked does. */
export const launcherRunning = (launchers: readonly Launcher[], node: string): Launcher | undefined =>
  launchers.find(({ nodes }) => nodes.some(({ name }) => name === node))

interface OrderOptions {
  readonly signal: AbortSignal
  /** What its launcher does now. */
  readonly onMessage?: (text: string) => void
}

/**
 * Lets a launcher carry out an order, and waits for its end, through failovers. Resolves with what the order
 * asked for. Rejects with the launcher's error, or LAUNCHER_AWAY if it has no link for launcherPatienceMs.
 */
export async function orderLauncher(
  client: MasterClient,
  launcher: string,
  order: LauncherOrder,
  { signal, onMessage }: OrderOptions,
): Promise<unknown> {
  const id = `order-${randomUUID()}`
  // From the first word of it: without a leader nobody knows which launchers are linked.
  let awaySinceMs: number | undefined
  let said = ''
  for (;;) {
    try {
      const standing = await client.request(
        { type: 'RequestLauncherOrder', launcher, id, order },
        { signal, timeoutMs: limits.masterTimeoutMs },
      )
      awaySinceMs = undefined
      const { state, message, code = 'FIRESTEEL_INTERNAL', result } = standing
      if (state === 'DONE') return result === undefined ? undefined : JSON.parse(result)
      if (state === 'FAILED') throw errorOf({ code, message })
      if (message !== '' && message !== said) onMessage?.(message)
      said = message
    } catch (error) {
      if (!isFiresteelError(error, 'LAUNCHER_AWAY')) throw error
      awaySinceMs ??= performance.now()
      if (performance.now() - awaySinceMs > limits.launcherPatienceMs) throw error
    }
    await pause(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}
