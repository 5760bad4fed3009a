import { limits } from '../../runtime/limits.js'
import { formatDuration } from '../../runtime/units.js'
import type { Heartbeat } from '../messages/workers.js'
import type { ClusterState } from './cluster-state.js'
import type { Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/*
 * W of each Worker (protocol 8.1). A Worker may live by a longer one than this leader has: its own, or that
 * of a former leader. It isolates itself by that, so this leader must wait as long. The record of a Worker
 * says the longest that it may live by, and is durable before the Worker is told to live longer.
 */

/** Silence after which this Worker is dead. */
export function timeoutOf(cluster: ClusterState, { record }: WorkerEntry): number {
  return Math.max(cluster.config.workerTimeoutMs, record.workerTimeoutMs ?? limits.workerTimeoutMs)
}

/** The same of a Worker that the store does not hold. */
export function timeoutOfUnknown({ config }: ClusterState): number {
  return Math.max(config.workerTimeoutMs, limits.workerTimeoutMs)
}

/**
 * A Worker says in its registration and in each heartbeat what it lives by and how long its work outlives it:
 * the store may have lost it.
 */
export function learnTimes(
  cluster: ClusterState,
  step: Step,
  worker: WorkerEntry,
  said: Pick<Heartbeat, 'workerTimeoutMs' | 'orphanGraceMs'>,
  isNow = worker.answered,
): void {
  if (said.workerTimeoutMs === undefined) warnOfOwnTimeout(cluster, step, worker)
  const workerTimeoutMs = longestOf(cluster, worker, said.workerTimeoutMs, isNow)
  const { orphanGraceMs } = said
  const { workerTimeoutMs: knownMs, orphanGraceMs: knownGraceMs } = worker.record
  if (workerTimeoutMs === knownMs && orphanGraceMs === knownGraceMs) return
  const { workerTimeoutMs: _, orphanGraceMs: __, ...record } = worker.record
  worker.record = {
    ...record,
    ...(workerTimeoutMs !== undefined && { workerTimeoutMs }),
    ...(orphanGraceMs !== undefined && { orphanGraceMs }),
  }
  step.put('worker', worker.id, worker.record)
}

/**
 * How long to wait for the end of what a Worker started whose process is gone. Its guard ends that after the
 * Worker's own orphanGrace, which may be longer than this leader's. A Worker with a token is believed up to
 * its W, for the reason at `believed`.
 */
export function outlivesMs(cluster: ClusterState, worker: WorkerEntry): number {
  const { join, orphanGraceMs: saidMs = 0 } = worker.record
  const believedMs = join === undefined ? saidMs : Math.min(saidMs, timeoutOf(cluster, worker))
  return Math.max(cluster.config.orphanGraceMs, believedMs) + cluster.config.guardMarginMs
}

/**
 * The longest W that a Worker may live by, now that it said what it lives by; undefined: it is of an earlier
 * release, and lives by its own. `isNow`: it says so to this leader. What it said before may be older than
 * the longer one that a former leader told it, so that makes no wait shorter.
 */
function longestOf(
  cluster: ClusterState,
  worker: WorkerEntry,
  saidMs: number | undefined,
  isNow: boolean,
): number | undefined {
  const { workerTimeoutMs: knownMs } = worker.record
  const mostMs = saidMs === undefined ? undefined : believed(cluster, worker, saidMs)
  const { workerTimeoutMs: defaultMs } = limits
  const isShorter = (mostMs ?? defaultMs) < (knownMs ?? defaultMs)
  return isShorter && !isNow ? knownMs : mostMs
}

/**
 * Who took over a Worker with a token would else keep its work from other Workers for weeks, also after the
 * end of the token. It is believed up to what a leader has told it, or the default.
 */
function believed({ config }: ClusterState, { record }: WorkerEntry, saidMs: number): number {
  const { join, workerTimeoutMs: knownMs = 0 } = record
  const mostMs = Math.max(config.workerTimeoutMs, limits.workerTimeoutMs, knownMs)
  return Math.max(config.workerTimeoutMs, join === undefined ? saidMs : Math.min(saidMs, mostMs))
}

/** Whoever reads the log of this Master learns why it waits longer than its settings say. */
function warnOfOwnTimeout({ config }: ClusterState, step: Step, worker: WorkerEntry): void {
  if (worker.isTimeoutUnsaid || config.workerTimeoutMs >= limits.workerTimeoutMs) return
  worker.isTimeoutUnsaid = true
  const waitsMs = formatDuration(limits.workerTimeoutMs)
  step.log(
    'warn',
    `a worker of an earlier release does not say its workerTimeout: it is dead after a silence of ${waitsMs}`,
    { workerId: worker.id, workerTimeoutMs: config.workerTimeoutMs },
  )
}

/**
 * Answers a heartbeat with the W that its Worker is to live by. A longer one than it lives by comes once the
 * store has it, and until then the Worker is told to stay as it is.
 */
export function acknowledge(
  { config }: ClusterState,
  step: Step,
  workerId: string,
  { sentAtMs, workerTimeoutMs: saidMs }: Heartbeat,
): void {
  const { workerTimeoutMs } = config
  const ack = { type: 'HeartbeatAck', workerId, sentAtMs } as const
  const isLonger = saidMs !== undefined && saidMs < workerTimeoutMs
  step.tellNow(workerId, { ...ack, workerTimeoutMs: isLonger ? saidMs : workerTimeoutMs })
  if (isLonger) step.tell(workerId, { ...ack, workerTimeoutMs })
}
