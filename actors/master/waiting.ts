import { labelsFit } from '../messages/common.js'
import { waitingText, wantsText } from '../messages/launch-failure-text.js'
import type { Waiting, WaitingReason } from '../messages/launch-failures.js'
import type { ApplicationEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import { allExcluded, executorDemand } from './failed-launches.js'
import { fits } from './placement.js'
import type { Demand } from './resources.js'
import type { Now } from './step.js'

/* Why an application or driver waits (protocol L1). */

/** Why applications wait that ask for the same executors, of which no launch has failed. */
export type KnownReasons = Map<string, { readonly reason: WaitingReason | undefined }>

/** Undefined: it does not wait. `reason` undefined: it will be given what it wants next. */
export function waitingReasonOf(
  cluster: ClusterState,
  app: ApplicationEntry,
  now: Now,
  known: KnownReasons = new Map(),
): { readonly reason: WaitingReason | undefined } | undefined {
  const hasFailed = cluster.launchFailures.has(app.id)
  if ((app.executors.size > 0 && !hasFailed) || !wantsMore(cluster, app)) return undefined
  if (!app.answered || !app.linked) return { reason: 'NOT_LINKED' }
  if (hasFailed) return lookForReason(cluster, app.id, executorDemand(app), now)
  const found = known.get(app.demandKey) ?? lookForReason(cluster, app.id, executorDemand(app), now)
  known.set(app.demandKey, found)
  return found
}

const coresLimit = ({ config }: ClusterState, { record }: ApplicationEntry): number =>
  record.description.maxCores ?? config.defaultCores ?? Number.MAX_SAFE_INTEGER

export const coresLeft = (cluster: ClusterState, app: ApplicationEntry): number =>
  coresLimit(cluster, app) - app.coresGranted + leavingOf(cluster, app).cores

export const executorsLeft = (cluster: ClusterState, app: ApplicationEntry): number =>
  app.executorLimit - app.executors.size + leavingOf(cluster, app).executors

/**
 * Executors that are about to end, and others take their place: all of those on drained Workers. Others leave
 * by the word of their Worker alone, which replaces each once and no more.
 */
function leavingOf(cluster: ClusterState, app: ApplicationEntry) {
  const drained = { executors: 0, cores: 0 }
  const told = { executors: 0, cores: 0 }
  for (const { workerId, cores, state } of app.executors.values()) {
    const isDrained = cluster.drains.size > 0 && cluster.workers.get(workerId)?.drain !== undefined
    if (!isDrained && state !== 'DECOMMISSIONED') continue
    const leaving = isDrained ? drained : told
    leaving.executors++
    leaving.cores += cores
  }
  return {
    executors: drained.executors + Math.min(told.executors, app.executorLimit),
    cores: drained.cores + Math.min(told.cores, coresLimit(cluster, app)),
  }
}

function wantsMore(cluster: ClusterState, app: ApplicationEntry): boolean {
  return coresLeft(cluster, app) >= executorDemand(app).cores && executorsLeft(cluster, app) > 0
}

/** Why it was not placed, and the number of examined Workers. `reason` undefined: it will be placed next. */
export function lookForReason(
  cluster: ClusterState,
  subject: string,
  demand: Demand,
  now: Now,
): { readonly reason: WaitingReason | undefined; readonly looks: number } {
  const hasFailed = cluster.launchFailures.has(subject)
  let looks = 0
  let isAlive = false
  let isLabelled = false
  let isLarge = false
  let hasCapacity = false
  let isLeaving = false
  for (const worker of cluster.workers.values()) {
    looks++
    if (worker.state !== 'ALIVE') continue
    isAlive = true
    isLabelled ||= labelsFit(worker.labels, demand.on)
    if (!fits(worker.whole, demand)) continue
    isLeaving ||= !worker.isKept
    if (!worker.isKept) continue
    // It was not placed, so no Worker has the capacity. Very many may wait, and there may be very many
    // Workers.
    if (!hasFailed) return { reason: 'NO_ROOM', looks }
    isLarge = true
    if (!worker.schedulable || !fits(worker, demand)) continue
    hasCapacity = true
    const standing = cluster.launchFailures.standing(subject, worker.id, now.monotonicMs)
    if (standing === 'fresh' || standing === 'due') return { reason: undefined, looks }
  }
  if (!isAlive) return { reason: 'NO_WORKER', looks }
  if (!isLabelled) return { reason: 'NO_LABEL', looks }
  if (!isLarge) return { reason: isLeaving ? 'DRAINING' : 'TOO_LARGE', looks }
  if (!hasCapacity) return { reason: 'NO_ROOM', looks }
  const isExcluded = allExcluded(cluster, now, subject, demand)
  return { reason: isExcluded ? 'ALL_EXCLUDED' : 'LAUNCHES_FAILED', looks }
}

export const applicationWaits = (app: ApplicationEntry, waiting: Waiting): string =>
  waitingText(waiting, wantsText(executorDemand(app)))
