import { Buffer } from 'node:buffer'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type {
  LauncherOrderChanged,
  RegisterLauncher,
  RequestLauncherOrder,
  RequestLaunchers,
} from '../messages/launchers.js'
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
  const said = { ...launcher, id: incarnation }
  const bytes = bytesOf(said)
  const refusal = refusalOf(cluster, incarnation, bytes)
  if (refusal !== undefined) {
    // What it said before is true no more.
    cluster.launchers.delete(incarnation)
    step.log('warn', refusal, { launcher: incarnation, host: launcher.host })
    return
  }
  const number = known?.number ?? ([...cluster.launchers.values()].at(-1)?.number ?? 0) + 1
  cluster.launchers.set(incarnation, { ...said, number, bytes, orders: known?.orders ?? [] })
}

/** As JSON. What is too large anyway is not written for it. */
function bytesOf(said: Omit<RegisterLauncher, 'type'>): number {
  let characters = 0
  for (const { name, host } of said.nodes) characters += name.length + host.length
  return characters > limits.launcherBytes ? characters : Buffer.byteLength(JSON.stringify(said))
}

/** Why this launcher is not known with what it says; undefined: it is. Large ones keep no small one out. */
function refusalOf({ launchers }: ClusterState, incarnation: string, bytes: number): string | undefined {
  const { launcherBytes, launcherSureBytes, largeLaunchersBytes } = limits
  if (!launchers.has(incarnation) && launchers.size >= limits.launchers) return 'there are too many launchers'
  if (bytes > launcherBytes)
    return `a launcher says at least ${bytes} bytes of its nodes, over ${launcherBytes}, and is not known`
  if (bytes <= launcherSureBytes) return undefined
  let others = 0
  for (const { id, bytes: of } of launchers.values())
    if (id !== incarnation && of > launcherSureBytes) others += of
  return others + bytes > largeLaunchersBytes
    ? `a launcher says ${bytes} bytes of its nodes, and large ones may say ${largeLaunchersBytes} together: it is not known`
    : undefined
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
  // An order that this leader does not know is passed on when it is asked for, and told of then.
  if (!launcher?.orders.some(({ id }) => id === standing.id)) return
  cluster.launchers.set(incarnation, withOrder(launcher, standing))
}

/**
 * A page of the launchers, in the order in which they came. An asker of an earlier release knows of no pages:
 * it gets all of them at once, or is refused where they are too large for that.
 */
export function answerLaunchers(
  cluster: ClusterState,
  step: Step,
  { after }: RequestLaunchers,
  reply: ReplyToken,
): void {
  const { epoch } = cluster.leadership
  const [of, number = 0] = (after ?? '').split(':').map(Number)
  const left = [...cluster.launchers.values()].filter((one) => of !== epoch || one.number > number)
  const most = after === undefined ? limits.launchersAtOnceBytes : limits.statePageBytes
  const page = fitting(left, most)
  const isLast = page.length === left.length
  if (after === undefined && !isLast) {
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_MESSAGE_TOO_LARGE',
      message: `The launchers are too many for one message of ${most} bytes.`,
      help: 'Ask with this release of Firesteel, which takes them in pages.',
    })
    return
  }
  step.reply(reply, {
    type: 'LaunchersResponse',
    launchers: page.map(({ orders: _, number: __, bytes: ___, ...launcher }) => launcher),
    leaderForMs: Math.round(step.now.monotonicMs - cluster.leadership.electedAtMs),
    epoch,
    ...(!isLast && { next: `${epoch}:${page.at(-1)?.number}` }),
  })
}

/** The first ones, up to so many bytes, and one in any case. */
function fitting(launchers: readonly LauncherEntry[], most: number): readonly LauncherEntry[] {
  let bytes = 0
  let count = 0
  for (const launcher of launchers) {
    bytes += launcher.bytes
    if (count > 0 && bytes > most) break
    count++
  }
  return launchers.slice(0, count)
}
