import { z } from 'zod'
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

/* The conversation of a Worker with its Masters: registration, liveness, full reports. */

export const registerWorker = z.object({
  type: z.literal('RegisterWorker'),
  /** Incarnation of this Worker; the id in the books. */
  id: name,
  name,
  host: name,
  port,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  labels: z.record(name, text),
  web: z.string().max(256).nullable(),
})
export type RegisterWorker = z.infer<typeof registerWorker>

export const registeredWorker = z.object({
  type: z.literal('RegisteredWorker'),
  workerId: name,
  /** The same incarnation was already in the books (Spark, SPARK-23191). */
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
  /** Boot clock of the Worker at sending, given back in the answer: it dates the contact (protocol 8). */
  sentAtMs: z.number().min(0),
})
export type Heartbeat = z.infer<typeof heartbeat>

export const heartbeatAck = z.object({
  type: z.literal('HeartbeatAck'),
  workerId: name,
  sentAtMs: z.number().min(0),
})
export type HeartbeatAck = z.infer<typeof heartbeatAck>

/** Master -> Worker whose id it does not hold: register again (Spark). */
export const reconnectWorker = z.object({ type: z.literal('ReconnectWorker'), workerId: name })
export type ReconnectWorker = z.infer<typeof reconnectWorker>

export const executorReport = z.object({
  appId: name,
  execId: count,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  state: z.enum(executorStates),
  /** The Master's decision that launched it (protocol 11.4). */
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
   * Complete, so that a store which forgot gets it back (protocol 12); absent where the leader's store holds the launch,
   * which a Worker knows by MasterChanged. Then cores and memory stand beside it.
   */
  description: driverDescription.optional(),
  launchedAt: ownedPosition,
})
export type DriverReport = z.infer<typeof driverReport>

const fullReport = {
  id: name,
  /** Newest position handled from this leader: a launch at or above it may only not have arrived yet. */
  seen: position.optional(),
  executors: list(executorReport),
  drivers: list(driverReport),
  /** The report goes on in the next message: what is in none of them is not here. */
  more: z.boolean().optional(),
}

/** Answer to MasterChanged: all that runs here (Spark). Unacknowledged ends came before it, as their own messages. */
export const workerSchedulerStateResponse = z.object({
  type: z.literal('WorkerSchedulerStateResponse'),
  ...fullReport,
})
export type WorkerSchedulerStateResponse = z.infer<typeof workerSchedulerStateResponse>

/** Sent after each RegisteredWorker (Spark, SPARK-13604). */
export const workerLatestState = z.object({ type: z.literal('WorkerLatestState'), ...fullReport })
export type WorkerLatestState = z.infer<typeof workerLatestState>

/** Master -> Worker: these numbered changes are durable or ignored; forget them (protocol R5). */
export const changesAcknowledged = z.object({
  type: z.literal('ChangesAcknowledged'),
  workerId: name,
  changes: z.array(positive).max(10_000),
})
export type ChangesAcknowledged = z.infer<typeof changesAcknowledged>
