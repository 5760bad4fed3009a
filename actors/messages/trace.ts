import { z } from 'zod'
import { limits } from '../../runtime/limits.js'
import { TRACE_PATH_MAX, TRACE_TYPE_MAX } from '../../runtime/trace/record.js'
import { count, name, wallTime } from './common.js'

/*
 * Traces: what the ring of a process holds. Anybody with the cluster's key may ask a Master (leading or not) or a
 * Worker; a Master passes the question on to the ClientEndpoint of an application, to which nobody else has a link.
 */

const actorPath = z.string().min(1).max(TRACE_PATH_MAX)

export const requestTrace = z.object({
  type: z.literal('RequestTrace'),
  /** `next` of the last chunk. */
  afterCursor: count.optional(),
  /** Age at most, by the clock of the process that is asked. */
  sinceAgoMs: z.number().min(0).optional(),
  /** Types wanted; absent: all. */
  messages: z.array(name).max(64).optional(),
  /** Types not wanted. */
  except: z.array(name).max(64).optional(),
  /** Not what actors tell themselves, such as timers. */
  toOthers: z.boolean().optional(),
  /** Sender or receiver: a path, `/user/NAME`, NAME, host:port or NAME@host:port. */
  actor: actorPath.optional(),
  /** Messages with their content, shortened and without secrets. */
  payloads: z.boolean().optional(),
  /** To a Master: pass it on to the ClientEndpoint of this incarnation. */
  of: name.optional(),
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
  /** Its receiver did not act on it. */
  refused: z.literal(true).optional(),
  direction: z.enum(['in', 'out', 'local']),
  /** Incarnation that sent what was received. */
  peer: name.optional(),
  payload: z.unknown().optional(),
})

export const traceChunk = z.object({
  type: z.literal('TraceChunk'),
  /** In the order of the process. */
  entries: z.array(traceRecord).max(limits.traceChunkEntries),
  next: count,
  more: z.boolean(),
  /** Messages that the ring had lost before it was asked. */
  dropped: count,
  /** Wall clock of the process, epoch milliseconds. */
  nowMs: wallTime,
})
export type TraceChunk = z.infer<typeof traceChunk>

/** What one tells another for ever when nothing happens; `trace --quiet` leaves it out. */
export const periodicMessages = [
  'Heartbeat',
  'HeartbeatAck',
  'LeaderPulse',
  'StandbyPulse',
  'LeadershipConfirmed',
  'PositionHeard',
] as const
