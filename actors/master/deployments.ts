import { limits } from '../../runtime/limits.js'
import { failureOf } from '../../runtime/system/system-messages.js'
import type {
  BeginDeployment,
  DeploymentHead,
  EndDeployment,
  RequestDeployment,
} from '../messages/deployments.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import type { MasterStateResponse } from '../messages/status.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { endedDeployed, liveDeployed } from './deployed-rows.js'
import { isNewer } from './lost-writes/newer.js'
import type { DeploymentRecord } from './records.js'
import type { ReplyToken, Step } from './step.js'

/*
 * Deployments (protocol 15): the newest ones, and which apply may change something now. That one is the
 * holder. It is known by its incarnation, and loses its right when its link ends and another one begins.
 */

const newestOf = ({ deployments }: ClusterState): DeploymentRecord | undefined =>
  [...deployments.values()].at(-1)

function keep(cluster: ClusterState, step: Step, record: DeploymentRecord): void {
  cluster.deployments.set(record.number, record)
  step.put('deployment', record.id, record)
  for (const [number, { id }] of cluster.deployments) {
    if (cluster.deployments.size <= limits.deploymentsKept) break
    cluster.deployments.delete(number)
    step.delete('deployment', id)
  }
}

/** From the store, in any order. */
export function restoreDeployment(cluster: ClusterState, record: DeploymentRecord): void {
  const all = [...cluster.deployments.values(), record].sort((a, b) => a.number - b.number)
  cluster.deployments.clear()
  for (const one of all) cluster.deployments.set(one.number, one)
}

/**
 * Lost writes: what the store forgot comes back, also the end of one that it holds. Another one that has the
 * number now stays.
 */
export function takeBackDeployment(cluster: ClusterState, step: Step, record: DeploymentRecord): boolean {
  const held = cluster.deployments.get(record.number)
  if (held && !(held.startedAtMs === record.startedAtMs && isNewer(record, held))) return false
  restoreDeployment(cluster, record)
  step.put('deployment', record.id, record)
  return true
}

const applyRuns = ({ number, by, startedAtMs }: DeploymentRecord) =>
  ({
    type: 'Failure',
    code: 'FIRESTEEL_APPLY_RUNS',
    message: `Deployment ${number} is being applied by ${by} since ${new Date(startedAtMs).toISOString()}.`,
  }) as const

const holderMayCome = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'A deployment is being applied, and the new leader waits for the link of that apply.',
} as const

/**
 * A new leader gives a holder this time to link. Of one whose link ended under this leader, nothing comes.
 */
const mayComeBack = ({ leadership }: ClusterState, { now }: Step, { at }: DeploymentRecord): boolean =>
  (at?.epoch ?? 0) < leadership.epoch && now.monotonicMs - leadership.electedAtMs < limits.applyHolderGraceMs

/** What keeps this peer from beginning; undefined: nothing. */
function heldByAnother(cluster: ClusterState, step: Step, from: PeerInfo) {
  const newest = newestOf(cluster)
  if (newest?.state !== 'APPLYING' || newest.holder === from.incarnation) return undefined
  if (newest.holder !== undefined && cluster.peers.has(newest.holder)) return applyRuns(newest)
  return mayComeBack(cluster, step, newest) ? holderMayCome : undefined
}

export function beginDeployment(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: BeginDeployment,
  reply: ReplyToken,
): void {
  const { type: _, after, former, ...wanted } = message
  const held = heldByAnother(cluster, step, from)
  const oversize = oversizeOf(wanted)
  const newest = newestOf(cluster)
  if (held || oversize) {
    step.reply(reply, held ?? failureOf(recordTooLarge(oversize!, '')))
    return
  }
  if (newest?.state === 'APPLYING' && newest.text === wanted.text && newest.folder === wanted.folder) {
    interruptAll(cluster, step, newest)
    if (newest.holder !== from.incarnation)
      keep(cluster, step, { ...newest, holder: from.incarnation, by: wanted.by })
    step.reply(reply, { type: 'DeploymentBegun', number: newest.number })
    return
  }
  if ((newest?.number ?? 0) !== after) {
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_APPLY_OVERTAKEN',
      message: `Deployment ${newest?.number ?? 0} has begun since.`,
    })
    return
  }
  interruptAll(cluster, step)
  const startedAtMs = step.now.wallMs
  let number = after
  if (!newest && former && !oversizeOf(former)) {
    number++
    const applied = { state: 'APPLIED', startedAtMs, endedAtMs: startedAtMs, by: 'up' } as const
    keep(cluster, step, { ...former, ...applied, changes: [], id: String(number), number })
  }
  number++
  const record = { ...wanted, id: String(number), number, startedAtMs, holder: from.incarnation }
  keep(cluster, step, { ...record, state: 'APPLYING' })
  step.log('info', 'a deployment is applied', { number, by: wanted.by, file: wanted.file })
  step.reply(reply, { type: 'DeploymentBegun', number })
}

/** Also older ones: a store that lost writes may have forgotten their end. */
function interruptAll(cluster: ClusterState, step: Step, except?: DeploymentRecord): void {
  for (const record of [...cluster.deployments.values()])
    if (record.state === 'APPLYING' && record !== except)
      keep(cluster, step, { ...withoutHolder(record), state: 'INTERRUPTED', endedAtMs: step.now.wallMs })
}

const withoutHolder = ({ holder: _, ...record }: DeploymentRecord): DeploymentRecord => record

/** What keeps this peer from changing something under this number; undefined: nothing. */
export function notHolding(cluster: ClusterState, from: PeerInfo, number: number) {
  const newest = newestOf(cluster)
  if (newest?.number === number && newest.state === 'APPLYING' && newest.holder === from.incarnation)
    return undefined
  return {
    type: 'Failure',
    code: 'FIRESTEEL_APPLY_OVERTAKEN',
    message: `Deployment ${number} is not being applied by this command any more.`,
  } as const
}

export function endDeployment(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { number, state, message }: EndDeployment,
  reply: ReplyToken,
): void {
  const known = cluster.deployments.get(number)
  const refusal = known?.state === state ? undefined : notHolding(cluster, from, number)
  if (refusal) {
    step.reply(reply, refusal)
    return
  }
  if (known && known.state !== state) {
    const ended = { ...withoutHolder(known), state, endedAtMs: step.now.wallMs }
    keep(cluster, step, { ...ended, ...(message !== undefined && { message }) })
    step.log('info', `a deployment has ended ${state}`, { number, reason: message })
  }
  step.reply(reply, { type: 'DeploymentEnded', number, state })
}

const headOf = (record: DeploymentRecord): DeploymentHead => {
  const { id: _, at: __, holder: ___, text: ____, folder: _____, ...head } = record
  return head
}

/** For `status`; undefined: nothing has been applied. */
export function newestDeployment(cluster: ClusterState | undefined): MasterStateResponse['deployment'] {
  const newest = cluster && newestOf(cluster)
  if (!newest) return undefined
  const { number, state, by, startedAtMs, endedAtMs } = newest
  return { number, state, by, startedAtMs, ...(endedAtMs !== undefined && { endedAtMs }) }
}

export function answerDeployment(
  cluster: ClusterState,
  step: Step,
  { number, keys = [] }: RequestDeployment,
  reply: ReplyToken,
): void {
  const newest = newestOf(cluster)
  const record = number === undefined ? newest : cluster.deployments.get(number)
  step.reply(reply, {
    type: 'DeploymentResponse',
    newest: newest?.number ?? 0,
    ...(record && { deployment: { ...headOf(record), folder: record.folder, text: record.text } }),
    submissions: liveDeployed(cluster),
    ended: endedDeployed(cluster, keys),
  })
}

export function answerHistory(cluster: ClusterState, step: Step, reply: ReplyToken): void {
  step.reply(reply, { type: 'HistoryResponse', deployments: [...cluster.deployments.values()].map(headOf) })
}
