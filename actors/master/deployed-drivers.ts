import { failureOf } from '../../runtime/system/system-messages.js'
import type { DeployedDriver, DeploySubmission } from '../messages/deployments.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { deployedName, endedDeployedDriver, keyWanted, deployedRow as shown } from './deployed-rows.js'
import { notHolding } from './deployments.js'
import type { DriverEntry } from './driver-entry.js'
import { readingKeys } from './refusals.js'
import { replaceDriver } from './replacing.js'
import type { ReplyToken, Step } from './step.js'
import { killDriver, knowsKey, newDriver } from './submission.js'

/* The submissions of a deployment file as one apply makes them (protocol 15). */

const live = (cluster: ClusterState, name: string): DriverEntry[] =>
  [...cluster.drivers.values()].filter(({ record }) => deployedName(record.key) === name)

export function deploySubmission(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { deployment, name, to }: DeploySubmission,
  reply: ReplyToken,
): void {
  const answer = (isDone: boolean, driver?: DeployedDriver): void =>
    step.reply(reply, { type: 'SubmissionDeployed', name, isDone, ...(driver && { driver }) })
  const refusal = notHolding(cluster, from, deployment)
  const oversize = to && oversizeOf(to.description)
  if (refusal || oversize) {
    step.reply(reply, refusal ?? failureOf(recordTooLarge(oversize!)))
    return
  }
  const drivers = live(cluster, name)
  const stays = to && (drivers.find(({ record }) => keyWanted(record) === to.key) ?? drivers.at(-1))
  // A file that was changed and given to `up` again has left the former content running.
  const others = drivers.filter((driver) => driver !== stays)
  for (const driver of others) killDriver(cluster, step, from, driver, `deployment ${deployment}`)
  if (!to) answer(live(cluster, name).length === 0)
  else if (!stays) submit(cluster, step, from, to, reply, answer, name)
  else if (stays.record.wanted === 'KILL') answer(false, shown(name, stays))
  else {
    const problem = keyWanted(stays.record) === to.key ? undefined : replaceDriver(cluster, step, stays, to)
    if (problem) step.reply(reply, problem)
    else answer(stays.record.replacement === undefined && others.length === 0, shown(name, stays))
  }
}

/**
 * What ended by itself has had its end, and the same content is the same driver. What somebody has killed is
 * submitted again, because the file wants it.
 */
function submit(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { key, description }: NonNullable<DeploySubmission['to']>,
  reply: ReplyToken,
  answer: (isDone: boolean, driver?: DeployedDriver) => void,
  name: string,
): void {
  if (!knowsKey(cluster, key)) {
    step.replyNow(reply, readingKeys)
    return
  }
  const ended = endedDeployedDriver(cluster, key)
  if (ended && ended.state !== 'KILLED') {
    answer(true, ended)
    return
  }
  const driver = newDriver(cluster, step, from, { key, description })
  if ('type' in driver) {
    step.reply(reply, driver)
    return
  }
  if (ended) {
    cluster.keys.delete(key)
    step.delete('key', key)
  }
  answer(true, shown(name, driver))
}
