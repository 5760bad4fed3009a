import type { MasterClient } from '../../../actors/client/master-client.js'
import {
  awaitLaunchers,
  type Launcher,
  launcherRunning,
  orderLauncher,
} from '../../../actors/client/order-launcher.js'
import type { MasterStateResponse } from '../../../actors/messages/status.js'
import type { FinishUpgradeResponse } from '../../../actors/messages/upgrade.js'
import { formatHostPort } from '../../addresses.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import type { Deployment } from '../config/deployment.js'
import type { NodeUpgrade } from '../node/upgrade-node.js'
import { untilWithout, unwell } from './restart-worker.js'

/* A rolling upgrade: one node after the other, and the next one when the cluster is well. */

export interface UpgradeStep {
  readonly node: string
  /** Of its launcher. */
  readonly launcher: string
  readonly host: string
}

export interface UpgradeOptions {
  /** The folder of the package on each machine. */
  readonly folder: string
  /** For the cluster to be well before a step, and after it. */
  readonly timeoutMs: number
  /** After each node the cluster must have been well for so long. */
  readonly minReadyMs: number
  readonly interrupted: AbortSignal
  readonly onStep: (step: UpgradeStep, done: NodeUpgrade, ms: number) => Promise<void>
}

type Nodes = Pick<Deployment, 'masters' | 'workers'>

/** STANDBYs, then the leader, so that there is one hand-over; then Workers. */
export function upgradeOrder({ masters, workers }: Nodes, leader: string | null): string[] {
  const leads = ({ advertise, port }: Nodes['masters'][number]): boolean =>
    leader === `firesteel://${formatHostPort({ host: advertise, port })}`
  const names = (nodes: readonly { readonly name: string }[]): string[] => nodes.map(({ name }) => name)
  return [
    ...names(masters.filter((master) => !leads(master))),
    ...names(masters.filter(leads)),
    ...names(workers),
  ]
}

/** What of these nodes is not there or not well, for people. */
export function problemsOf({ masters, workers }: Nodes, state: MasterStateResponse): string[] {
  const missing = masters.length - state.masters.length
  const away = workers.filter(
    ({ name }) => !state.workers.some((worker) => worker.name === name && worker.state !== 'DEAD'),
  )
  return [
    ...(missing > 0 ? [`${missing} of ${masters.length} Masters are not known to the leader`] : []),
    ...(state.stale ? ['the store does not answer'] : []),
    ...unwell(state),
    ...away.map(({ name }) => `${name} is not registered`),
  ]
}

/** Throws LAUNCHER_AWAY before anything is done, unless a launcher that is linked runs each node. */
export async function upgradeSteps(
  client: MasterClient,
  nodes: Nodes,
  leader: string | null,
  signal: AbortSignal,
): Promise<UpgradeStep[]> {
  const order = upgradeOrder(nodes, leader)
  const stepsWith = (launchers: readonly Launcher[]): UpgradeStep[] =>
    order.flatMap((node) => {
      const found = launcherRunning(launchers, node)
      return found ? [{ node, launcher: found.id, host: found.host }] : []
    })
  const isWhole = (linked: readonly Launcher[]): boolean => stepsWith(linked).length === order.length
  const steps = stepsWith(await awaitLaunchers(client, isWhole, signal))
  const without = order.filter((node) => !steps.some((step) => step.node === node))
  if (without.length === 0) return steps
  throw new FiresteelError(
    'LAUNCHER_AWAY',
    `No launcher that runs ${without.join(', ')} is linked to the leader. Nothing was changed.`,
    {
      help: 'Nodes that a service manager runs one by one are restarted by it, after the other release was installed.',
    },
  )
}

function untilWell(
  client: MasterClient,
  nodes: Nodes,
  { timeoutMs, interrupted }: UpgradeOptions,
  minReadyMs = 0,
): Promise<MasterStateResponse> {
  return untilWithout((state) => problemsOf(nodes, state), client, {
    ...{ timeoutMs, interrupted, minReadyMs },
    refuse: (text) => new FiresteelError('UPGRADE_STOPPED', text),
  })
}

/** Its launcher may have lost its link with the leader that was replaced. */
async function launcherNow(client: MasterClient, step: UpgradeStep, signal: AbortSignal): Promise<string> {
  const runs = (launchers: readonly Launcher[]) => launcherRunning(launchers, step.node)
  const found = runs(await awaitLaunchers(client, (launchers) => runs(launchers) !== undefined, signal))
  return found?.id ?? step.launcher
}

/**
 * Runs each node of a deployment from another package. Resolves with the state of the cluster. Throws
 * UPGRADE_STOPPED at the first step that does not end well, with the way back.
 */
export async function upgrade(
  client: MasterClient,
  nodes: Nodes,
  options: UpgradeOptions,
): Promise<MasterStateResponse> {
  const { folder, interrupted, minReadyMs, onStep } = options
  let state = await untilWell(client, nodes, options)
  const steps = await upgradeSteps(client, nodes, state.leader, interrupted)
  let former: string | undefined
  for (const step of steps) {
    try {
      await untilWell(client, nodes, options)
      const launcher = await launcherNow(client, step, interrupted)
      const startMs = performance.now()
      const order = { kind: 'restart', node: step.node, folder } as const
      const done = (await orderLauncher(client, launcher, order, { signal: interrupted })) as NodeUpgrade
      former ??= done.from.folder
      const ms = performance.now() - startMs
      state = await untilWell(client, nodes, options, minReadyMs)
      await onStep(step, done, ms)
    } catch (error) {
      throw stopped(error, step, former)
    }
  }
  return state
}

function stopped(error: unknown, { node }: UpgradeStep, former: string | undefined): unknown {
  if (!isFiresteelError(error)) return error
  const back =
    former === undefined
      ? 'No node was changed.'
      : `The nodes before it run the other release. Go back with \`firesteel upgrade FILE --to ${former}\`, or mend this and run the same command again.`
  return new FiresteelError('UPGRADE_STOPPED', `Stopped at ${node}: ${reasonOf(error)}`, {
    place: node,
    help: back,
    cause: error,
  })
}

/** Whether the command with `--finish` has something to do, for people; '': the leader does not say. */
export function finishHint({ store }: Pick<MasterStateResponse, 'store'>): string {
  if (!store) return ''
  if (store.newest <= store.format) return `${nothingToFinish(store.format)}\n`
  return `The store still has format ${store.format}, and all Masters know ${store.newest}. When the older release is not to come back, run the same with --finish.\n`
}

export function finishText({ was, is }: Pick<FinishUpgradeResponse, 'was' | 'is'>): string {
  if (was === is) return `${nothingToFinish(is)}\n`
  return `The store's format was ${was} and is ${is}. An older release cannot read it any more.\n`
}

const nothingToFinish = (format: number): string =>
  `nothing to finish: the store has format ${format}, the newest that all Masters know`
