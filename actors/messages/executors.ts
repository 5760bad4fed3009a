import * as z from '../../runtime/zod.js'
import {
  applicationDescription,
  carriedContext,
  count,
  credentials,
  executorStates,
  name,
  positive,
  resourceAddresses,
  text,
} from './common.js'
import { failedWorker, notStarted } from './launch-failures.js'

/* Messages about executors, between Master and Worker and to the application. */

/**
 * The peer whose key the application's key derives from, with which executors dial the driver (protocol 16).
 */
export const registrant = z.discriminatedUnion('role', [
  /** `subject`: its token; absent: it has the cluster's secret. */
  z.object({ role: z.literal('client'), subject: name.optional() }),
  z.object({ role: z.literal('driver'), subject: name }),
])
export type Registrant = z.infer<typeof registrant>

export const launchExecutor = z.object({
  type: z.literal('LaunchExecutor'),
  workerId: name,
  appId: name,
  execId: count,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  application: applicationDescription,
  /** host:port where the application's driver listens for its executors. */
  driver: name,
  registrant,
  credentials,
  /** The span of the application's registration. */
  trace: carriedContext,
})
export type LaunchExecutor = z.infer<typeof launchExecutor>

export const killExecutor = z.object({
  type: z.literal('KillExecutor'),
  workerId: name,
  appId: name,
  execId: count,
})
export type KillExecutor = z.infer<typeof killExecutor>

export const executorStateChanged = z.object({
  type: z.literal('ExecutorStateChanged'),
  workerId: name,
  /** Number of this change at this Worker; acknowledged by ChangesAcknowledged (protocol R5). */
  change: positive,
  appId: name,
  execId: count,
  state: z.enum(executorStates),
  message: text.optional(),
  exitStatus: z.int().optional(),
  /** The Worker lacked capacity, which is no failure of the application (protocol 8). */
  noRoom: z.boolean().optional(),
  /** Set if there was never a process. */
  notStarted: notStarted.optional(),
  /** Its Worker is being stopped. This is no failure, and nothing more may be placed there. */
  stopped: z.boolean().optional(),
})
export type ExecutorStateChanged = z.infer<typeof executorStateChanged>

/**
 * Master -> Workers: the application has ended. Its folders may be removed once none of its executors is
 * left.
 */
export const applicationFinished = z.object({ type: z.literal('ApplicationFinished'), appId: name })
export type ApplicationFinished = z.infer<typeof applicationFinished>

export const executorAdded = z.object({
  type: z.literal('ExecutorAdded'),
  appId: name,
  execId: count,
  workerId: name,
  host: name,
  cores: positive,
  memoryMib: positive,
})
export type ExecutorAdded = z.infer<typeof executorAdded>

export const executorUpdated = z.object({
  type: z.literal('ExecutorUpdated'),
  appId: name,
  execId: count,
  state: z.enum(executorStates),
  message: text.optional(),
  exitStatus: z.int().optional(),
  /** Set only when the Worker was lost or decommissioned (Spark). */
  workerHost: name.optional(),
  /** Set if the launch failed: what the Master does about it. */
  failed: failedWorker.optional(),
})
export type ExecutorUpdated = z.infer<typeof executorUpdated>

/** Master -> every live application (Spark). */
export const workerRemoved = z.object({
  type: z.literal('WorkerRemoved'),
  id: name,
  host: name,
  message: text,
})
export type WorkerRemoved = z.infer<typeof workerRemoved>
