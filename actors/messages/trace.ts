import { limits } from '../../runtime/limits.js'
import { TRACE_PATH_MAX, TRACE_TYPE_MAX } from '../../runtime/trace/record.js'
import * as z from '../../runtime/zod.js'
import { count, name, wallTime } from './common.js'

/*
 * Traces: the content of a process's ring. Any holder of the cluster's key may ask a Master (leading or not)
 * or a Worker. A Master forwards the request to the ClientEndpoint of an application, because only a Master
 * has a link to it.
 */

const actorPath = z.string().min(1).max(TRACE_PATH_MAX)

export const requestTrace = z.object({
  type: z.literal('RequestTrace'),
  /** `next` of the chunk before. */
  afterCursor: count.optional(),
  /** The highest age, by the clock of the process that answers. */
  sinceAgoMs: z.number().min(0).optional(),
  /** The wanted types; absent: all. */
  messages: z.array(name).max(64).optional(),
  /** The excluded types. */
  except: z.array(name).max(64).optional(),
  /** True: leaves out messages that actors send to themselves, such as timers. */
  toOthers: z.boolean().optional(),
  /** Sender or receiver: a path, `/user/NAME`, NAME, host:port or NAME@host:port. */
  actor: actorPath.optional(),
  /** True: gives messages with their content, shortened and without secrets. */
  payloads: z.boolean().optional(),
  /** Tells a Master to forward the request to the ClientEndpoint of this incarnation. */
  of: name.optional(),
  /** With `of`: this executor of the application there, which answers over its link to its driver. */
  executor: count.optional(),
})
export type RequestTrace = z.infer<typeof requestTrace>

export const traceRecord = z.object({
  at: wallTime,
  id: z.number(),
  trace: z.number(),
  parent: z.number().optional(),
  from: actorPath,
  to: actorPath,
  message: z.string().max(TRACE_TYPE_MAX),
  epoch: z.number(),
  bytes: count.optional(),
  tookUs: count.optional(),
  /** The receiver did not act on it. */
  refused: z.literal(true).optional(),
  direction: z.enum(['in', 'out', 'local']),
  /** The incarnation that sent a received message. */
  peer: name.optional(),
  payload: z.unknown().optional(),
})

export const traceChunk = z.object({
  type: z.literal('TraceChunk'),
  /** Entries in the order of the process. */
  entries: z.array(traceRecord).max(limits.traceChunkEntries),
  next: count,
  more: z.boolean(),
  /** The number of messages that the ring had overwritten before the request. */
  dropped: count,
  /** Wall clock of the process, epoch milliseconds. */
  nowMs: wallTime,
  /** The incarnation that answers, if it is not the one that was asked: an executor. */
  incarnation: name.optional(),
})
export type TraceChunk = z.infer<typeof traceChunk>

/**
 * Questions that only read, and their answers. They may name a driver or an application, but they are no part
 * of what happened to it.
 */
export const questionMessages = [
  ...(['RequestMasterState', 'MasterStateResponse', 'RequestDriverStatus', 'DriverStatusResponse'] as const),
  ...(['RequestLogLocation', 'LogLocation', 'RequestLog', 'LogChunk'] as const),
] as const

/** Messages that processes exchange although nothing happens. `trace --quiet` leaves them out. */
export const periodicMessages = [
  'Heartbeat',
  'HeartbeatAck',
  'TasksSummarized',
  'LeaderPulse',
  'StandbyPulse',
  'LeadershipConfirmed',
  'PositionHeard',
] as const
