import { z } from 'zod'
import { limits } from '../../runtime/limits.js'
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
  /** Random id of this registration: repeated, it gives the same application (protocol 10). */
  registration: name,
  description: applicationDescription,
  /** The cluster driver that registers, if it is one. */
  driver: driverIncarnation.optional(),
  /** Where executors dial the driver. Without a host: the address that the Master sees the driver under. */
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

/** The end is durable. */
export const unregisteredApplication = z.object({
  type: z.literal('UnregisteredApplication'),
  appId: name,
})
export type UnregisteredApplication = z.infer<typeof unregisteredApplication>

/**
 * Answer to MasterChanged by an application that is registered: all that the store does not keep. One with many executors
 * says it in several messages.
 */
export const masterChangeAcknowledged = z.object({
  type: z.literal('MasterChangeAcknowledged'),
  appId: name,
  registration: name,
  /** In the first message: a store that forgot it gets it back. */
  description: applicationDescription.optional(),
  driver: driverIncarnation.optional(),
  listen: z.object({ host: name.optional(), port }),
  executors: z.array(z.object({ execId: count, workerId: name })).max(limits.reportItems),
  /** The answer goes on in the next message: what is in none of them it does not hold. */
  more: z.boolean().optional(),
  /** Newest RequestExecutors: its number and the total wanted; absent: no limit was asked. */
  target: z.object({ request: count, total: count }).optional(),
  highestExecId: z.int().min(-1),
  /** Of its RegisteredApplication: the store may have forgotten it (protocol 12). */
  registeredAt: ownedPosition.optional(),
})
export type MasterChangeAcknowledged = z.infer<typeof masterChangeAcknowledged>

/** The total of executors wanted. Absolute; lowering kills nothing (Spark). A late number is ignored. */
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
  execIds: z.array(count).max(10_000),
})
export type KillExecutors = z.infer<typeof killExecutors>

/**
 * The executor has given its first result: it has started, however it ends. What its Worker knows, that a process was
 * made, does not say so.
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

/** The Master ended the application. Also sent for FINISHED when the client still thinks it lives. */
export const applicationRemoved = z.object({
  type: z.literal('ApplicationRemoved'),
  appId: name,
  state: z.enum(applicationStates),
  message: text,
})
export type ApplicationRemoved = z.infer<typeof applicationRemoved>

/** Anybody with the client's key -> Master: end an application as KILLED. */
export const requestKillApplication = z.object({
  type: z.literal('RequestKillApplication'),
  appId: name,
})
export type RequestKillApplication = z.infer<typeof requestKillApplication>

export const killApplicationResponse = z.object({
  type: z.literal('KillApplicationResponse'),
  appId: name,
  message: text,
})
export type KillApplicationResponse = z.infer<typeof killApplicationResponse>
