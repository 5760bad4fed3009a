import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { LauncherOrderChanged, RegisterLauncher, RequestLauncherOrder } from '../messages/launchers.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { notHolding } from './deployments.js'
import type { LauncherEntry, OrderStanding } from './launcher-entry.js'
import type { ReplyToken, Step } from './step.js'

/*
 * The launchers that are linked to this leader, and the orders that it has passed on (protocol 15). Nothing
 * of this is stored: a launcher registers with each leader, and knows what it was ordered.
 */

export function registerLauncher(
  cluster: ClusterState,
  step: Step,
  { incarnation }: PeerInfo,
  { type: _, ...launcher }: RegisterLauncher,
): void {
  const known = cluster.launchers.get(incarnation)
  if (!known && cluster.launchers.size >= limits.launchers) {
    step.log('warn', 'there are too many launchers', { launcher: incarnation, host: launcher.host })
    return
  }
  cluster.launchers.set(incarnation, { ...launcher, id: incarnation, orders: known?.orders ?? [] })
}

export function launcherUnlinked(cluster: ClusterState, incarnation: string): void {
  cluster.launchers.delete(incarnation)
}

/**
 * With a new standing of one order. A result may be large, so only the newest is kept. An older one is
 * forgotten with its order, and comes again from the launcher if it is asked for.
 */
function withOrder(launcher: LauncherEntry, standing: OrderStanding): LauncherEntry {
  const others = launcher.orders.filter(
    ({ id, result }) => id !== standing.id && !(result && standing.result),
  )
  return { ...launcher, orders: [...others, standing].slice(-innerLimits.launcherOrders) }
}

/** An order that ended is not passed on again. One under way is: its launcher does it once. */
export function orderLauncher(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { launcher: launcherId, id, order }: RequestLauncherOrder,
  reply: ReplyToken,
): void {
  const refusal = 'deployment' in order ? notHolding(cluster, from, order.deployment) : undefined
  if (refusal) {
    step.reply(reply, refusal)
    return
  }
  const launcher = cluster.launchers.get(launcherId)
  if (!launcher) {
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_LAUNCHER_AWAY',
      message: `No launcher ${JSON.stringify(launcherId)} is linked to the leader.`,
    })
    return
  }
  const known = launcher.orders.find((standing) => standing.id === id)
  const standing = known ?? { id, state: 'SENT', message: '' }
  if (!known) cluster.launchers.set(launcherId, withOrder(launcher, standing))
  if (!known) step.tell(launcherId, { type: 'OrderLauncher', id, order })
  step.reply(reply, { type: 'LauncherOrderState', launcher: launcherId, ...standing })
}

export function launcherOrderChanged(
  cluster: ClusterState,
  { incarnation }: PeerInfo,
  { type: _, launcher: __, ...standing }: LauncherOrderChanged,
): void {
  const launcher = cluster.launchers.get(incarnation)
  if (launcher) cluster.launchers.set(incarnation, withOrder(launcher, standing))
}

export function answerLaunchers(cluster: ClusterState, step: Step, reply: ReplyToken): void {
  const launchers = [...cluster.launchers.values()].map(({ orders: _, ...launcher }) => launcher)
  const leaderForMs = Math.round(step.now.monotonicMs - cluster.leadership.electedAtMs)
  step.reply(reply, { type: 'LaunchersResponse', launchers, leaderForMs })
}
