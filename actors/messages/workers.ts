import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import {
  count,
  driverDescription,
  driverStates,
  executorStates,
  list,
  name,
  ownedPosition,
  port,
  position,
  positive,
  resourceAddresses,
  text,
} from './common.js'
import { driverProgress } from './driver-life.js'
import { owner } from './tokens.js'
import { workerRestarts } from './worker-restart.js'

/* The conversation of a Worker with its Masters: registration, liveness, full reports. */

/** W of protocol 8.1: what a Worker lives by, or is to live by. */
const workerTimeoutMs = positive.max(limits.timerMostMs)

/** What a Worker started outlives its process by this. */
const orphanGraceMs = positive.max(limits.timerMostMs)

/** How a Worker keeps its work within bounds. `watch`: by its own looks, and V8's limit of the heap. */
export const confinement = z.object({
  /** Of memory, processor time and processes. */
  limits: z.enum(['cgroup', 'watch']),
  /** How it knows what it has to end: all in a control group, or what it saw. */
  ends: z.enum(['cgroup', 'watch']),
  noNewPrivileges: z.boolean(),
  /** Absent: the user of the Worker. */
  user: name.optional(),
})
export type Confinement = z.infer<typeof confinement>

export const registerWorker = z.object({
  type: z.literal('RegisterWorker'),
  /** Incarnation of this Worker, which is its id. */
  id: name,
  name,
  host: name,
  port,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  labels: z.record(name, text),
  web: z.string().max(innerLimits.addressChars).nullable(),
  confinement: confinement.optional(),
  /** Somebody starts it again when it ends: its launcher, or a service manager. */
  isSupervised: z.literal(true).optional(),
  /** Absent: its first process registers. */
  restarts: workerRestarts.optional(),
  /** It isolates itself by this. Absent: an earlier release, which does not say it. */
  workerTimeoutMs: workerTimeoutMs.optional(),
  /** Absent: nothing outlives it, or this is an earlier release. */
  orphanGraceMs: orphanGraceMs.optional(),
})
export type RegisterWorker = z.infer<typeof registerWorker>

export const registeredWorker = z.object({
  type: z.literal('RegisteredWorker'),
  workerId: name,
  /** The Master already had this incarnation (Spark, SPARK-23191). */
  duplicate: z.boolean(),
})
export type RegisteredWorker = z.infer<typeof registeredWorker>

export const registerWorkerFailed = z.object({
  type: z.literal('RegisterWorkerFailed'),
  workerId: name,
  message: text,
})
export type RegisterWorkerFailed = z.infer<typeof registerWorkerFailed>

export const heartbeat = z.object({
  type: z.literal('Heartbeat'),
  workerId: name,
  /** Boot clock of the Worker at sending. The answer repeats it, and it dates the contact (protocol 8). */
  sentAtMs: z.number().min(0),
  /** It restarts now, and its executors and drivers live on for so long (protocol 8.6). */
  restartMs: positive.max(2 * limits.workerRestartMs).optional(),
  /** As in its registration; it may have been told another since. */
  workerTimeoutMs: workerTimeoutMs.optional(),
  /** As in its registration, for a leader whose store has lost that. */
  orphanGraceMs: orphanGraceMs.optional(),
})
export type Heartbeat = z.infer<typeof heartbeat>

export const heartbeatAck = z.object({
  type: z.literal('HeartbeatAck'),
  workerId: name,
  sentAtMs: z.number().min(0),
  /** It is in the store that this Worker restarts. */
  restarting: z.literal(true).optional(),
  /** It is to live by this from now on. Absent: an earlier release, which does not tell it. */
  workerTimeoutMs: workerTimeoutMs.optional(),
})
export type HeartbeatAck = z.infer<typeof heartbeatAck>

/** Master -> a Worker that it does not know: register again (Spark). */
export const reconnectWorker = z.object({ type: z.literal('ReconnectWorker'), workerId: name })
export type ReconnectWorker = z.infer<typeof reconnectWorker>

export const executorReport = z.object({
  appId: name,
  execId: count,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  state: z.enum(executorStates),
  /** Position of the Master's decision that launched it (protocol 11.4). */
  launchedAt: ownedPosition,
})
export type ExecutorReport = z.infer<typeof executorReport>

export const driverReport = z.object({
  driverId: name,
  generation: positive,
  attempt: positive,
  state: z.enum(driverStates),
  resources: resourceAddresses,
  cores: positive.optional(),
  memoryMib: positive.optional(),
  /**
   * The whole description, because the store may have forgotten it (protocol 12). It is absent if the
   * leader's store holds the launch, which a Worker knows from MasterChanged; cores and memory are then set.
   */
  description: driverDescription.optional(),
  /** With the description. */
  owner: owner.optional(),
  launchedAt: ownedPosition,
  progress: driverProgress.optional(),
  /** The newest restart that it was told of; absent: none. */
  restart: name.optional(),
})
export type DriverReport = z.infer<typeof driverReport>

const fullReport = {
  id: name,
  /** Highest position handled from this leader. A launch at or above it may still be on its way. */
  seen: position.optional(),
  executors: list(executorReport),
  drivers: list(driverReport),
  /** As in the registration, which a store may have forgotten. Absent: it has never restarted. */
  restarts: workerRestarts.optional(),
  /** The report continues in the next message. Only what these messages name is on this Worker. */
  more: z.boolean().optional(),
}

/**
 * Answer to MasterChanged: all that runs on this Worker (Spark). Unacknowledged ends were sent before, as own
 * messages.
 */
export const workerSchedulerStateResponse = z.object({
  type: z.literal('WorkerSchedulerStateResponse'),
  ...fullReport,
})
export type WorkerSchedulerStateResponse = z.infer<typeof workerSchedulerStateResponse>

/** Sent after each RegisteredWorker (Spark, SPARK-13604). */
export const workerLatestState = z.object({ type: z.literal('WorkerLatestState'), ...fullReport })
export type WorkerLatestState = z.infer<typeof workerLatestState>

/** Master -> Worker: these changes are durable or ignored, so forget them (protocol R5). */
export const changesAcknowledged = z.object({
  type: z.literal('ChangesAcknowledged'),
  workerId: name,
  changes: z.array(positive).max(innerLimits.changesPerMessage),
})
export type ChangesAcknowledged = z.infer<typeof changesAcknowledged>
