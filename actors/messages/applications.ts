import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import {
  applicationDescription,
  applicationStates,
  count,
  driverIncarnation,
  name,
  ownedPosition,
  port,
  text,
} from './common.js'

/* The conversation of a ClientEndpoint with its Masters. */

export const registerApplication = z.object({
  type: z.literal('RegisterApplication'),
  /** Random id of this registration. A repeated registration gives the same application (protocol 10). */
  registration: name,
  description: applicationDescription,
  /** The cluster driver that registers, if it is one. */
  driver: driverIncarnation.optional(),
  /**
   * Where executors dial the driver. Without a host they dial the address at which the Master sees the
   * driver.
   */
  listen: z.object({ host: name.optional(), port }),
})
export type RegisterApplication = z.infer<typeof registerApplication>

export const registeredApplication = z.object({
  type: z.literal('RegisteredApplication'),
  appId: name,
  registration: name,
})
export type RegisteredApplication = z.infer<typeof registeredApplication>

export const unregisterApplication = z.object({ type: z.literal('UnregisterApplication'), appId: name })
export type UnregisterApplication = z.infer<typeof unregisterApplication>

/** The end of the application is durable. */
export const unregisteredApplication = z.object({
  type: z.literal('UnregisteredApplication'),
  appId: name,
})
export type UnregisteredApplication = z.infer<typeof unregisteredApplication>

/**
 * Answer of a registered application to MasterChanged: all that the store does not keep. An application with
 * many executors answers in several messages.
 */
export const masterChangeAcknowledged = z.object({
  type: z.literal('MasterChangeAcknowledged'),
  appId: name,
  registration: name,
  /** Set in the first message, because the store may have forgotten the application. */
  description: applicationDescription.optional(),
  driver: driverIncarnation.optional(),
  listen: z.object({ host: name.optional(), port }),
  executors: z.array(z.object({ execId: count, workerId: name })).max(limits.reportItems),
  /**
   * The answer continues in the next message. The application holds only the executors that these messages
   * name.
   */
  more: z.boolean().optional(),
  /** Number and total of the newest RequestExecutors; absent: there was none. */
  target: z.object({ request: count, total: count }).optional(),
  highestExecId: z.int().min(-1),
  /** Position of its RegisteredApplication, which the store may have forgotten (protocol 12). */
  registeredAt: ownedPosition.optional(),
})
export type MasterChangeAcknowledged = z.infer<typeof masterChangeAcknowledged>

/**
 * The total of executors wanted. A lower total kills none (Spark). A number that is not the newest is
 * ignored.
 */
export const requestExecutors = z.object({
  type: z.literal('RequestExecutors'),
  appId: name,
  request: count,
  total: count,
})
export type RequestExecutors = z.infer<typeof requestExecutors>

export const killExecutors = z.object({
  type: z.literal('KillExecutors'),
  appId: name,
  execIds: z.array(count).max(innerLimits.killsPerMessage),
})
export type KillExecutors = z.infer<typeof killExecutors>

/**
 * The executor has given its first result, so its start did not fail, however it ends. Its Worker cannot tell
 * this: it only knows that a process was made.
 */
export const executorWorked = z.object({
  type: z.literal('ExecutorWorked'),
  appId: name,
  execId: count,
})
export type ExecutorWorked = z.infer<typeof executorWorked>

/** Answer of RequestExecutors and KillExecutors: false for an unknown application (Spark). */
export const executorsAnswer = z.object({ type: z.literal('ExecutorsAnswer'), done: z.boolean() })
export type ExecutorsAnswer = z.infer<typeof executorsAnswer>

/** The Master ended the application. Also sent for FINISHED if the client does not know of the end. */
export const applicationRemoved = z.object({
  type: z.literal('ApplicationRemoved'),
  appId: name,
  state: z.enum(applicationStates),
  message: text,
})
export type ApplicationRemoved = z.infer<typeof applicationRemoved>

/** Any holder of the client's key -> Master: end an application as KILLED. */
export const requestKillApplication = z.object({
  type: z.literal('RequestKillApplication'),
  appId: name,
  /** Who asks, for people. */
  by: name.optional(),
})
export type RequestKillApplication = z.infer<typeof requestKillApplication>

export const killApplicationResponse = z.object({
  type: z.literal('KillApplicationResponse'),
  appId: name,
  message: text,
})
export type KillApplicationResponse = z.infer<typeof killApplicationResponse>
