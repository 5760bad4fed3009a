import { randomUUID } from 'node:crypto'
import { errorOf, FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import type { LauncherOrder, RegisterLauncher } from '../messages/launchers.js'
import type { MasterClient } from './master-client.js'

export type Launcher = Omit<RegisterLauncher, 'type'>

export const linkedLaunchers = async (client: MasterClient): Promise<readonly Launcher[]> =>
  (await client.request({ type: 'RequestLaunchers' })).launchers

/** The launcher that runs this node. Rejects with LAUNCHER_AWAY. */
async function launcherOf(client: MasterClient, node: string, signal: AbortSignal): Promise<Launcher> {
  const untilMs = performance.now() + limits.launcherPatienceMs
  for (;;) {
    const launchers = await linkedLaunchers(client)
    const launcher = launchers.find(({ nodes }) => nodes.some(({ name }) => name === node))
    if (launcher) return launcher
    if (performance.now() > untilMs)
      throw new FiresteelError('LAUNCHER_AWAY', `No launcher that runs ${node} is linked to the leader.`, {
        place: node,
      })
    await pause(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}

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
  let seenAtMs = performance.now()
  let said = ''
  for (;;) {
    try {
      const standing = await client.request(
        { type: 'RequestLauncherOrder', launcher, id, order },
        { signal, timeoutMs: limits.masterTimeoutMs },
      )
      seenAtMs = performance.now()
      const { state, message, code = 'FIRESTEEL_INTERNAL', result } = standing
      if (state === 'DONE') return result === undefined ? undefined : JSON.parse(result)
      if (state === 'FAILED') throw errorOf({ code, message })
      if (message !== '' && message !== said) onMessage?.(message)
      said = message
    } catch (error) {
      const isAway = isFiresteelError(error, 'LAUNCHER_AWAY')
      if (!isAway || performance.now() - seenAtMs > limits.launcherPatienceMs) throw error
    }
    await pause(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}

/**
 * Restarts a node through the launcher that runs it: a Worker as announced, so that its work lives on; a
 * Master hands over. Resolves when its next process is ready. Rejects with LAUNCHER_AWAY, RESTART_REFUSED.
 */
export async function restartNode(client: MasterClient, node: string, options: OrderOptions): Promise<void> {
  const { id } = await launcherOf(client, node, options.signal)
  await orderLauncher(client, id, { kind: 'restart', node }, options)
}
