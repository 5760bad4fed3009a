import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, name, text, wallTime } from './common.js'

/*
 * Drain: a Worker takes no more work, and what it has ends or moves (protocol 8.7). The messages have the
 * names of Spark's decommissioning.
 */

const reason = z.string().max(limits.drainReasonChars)
const deadlineMs = count.max(limits.drainDeadlineMostMs)
/** Each is an id, a name, or the beginning of an id. */
const workers = z.array(name).min(1).max(limits.drainedAtOnce)

/** Any holder of the client's key -> Master. Of Workers that are drained already it changes the deadline. */
export const decommissionWorkers = z.object({
  type: z.literal('DecommissionWorkers'),
  workers,
  /** Then what is left there moves or ends; absent: drainDeadlineMs. */
  deadlineMs: deadlineMs.optional(),
  reason: reason.optional(),
  /** Who asks, for people. */
  by: name.optional(),
})
export type DecommissionWorkers = z.infer<typeof decommissionWorkers>

/** The drain is durable. */
export const decommissionWorkersResponse = z.object({
  type: z.literal('DecommissionWorkersResponse'),
  workers: z
    .array(z.object({ id: name, name, deadlineAtMs: wallTime, executors: count, drivers: count }))
    .max(limits.drainedAtOnce),
})
export type DecommissionWorkersResponse = z.infer<typeof decommissionWorkersResponse>

/** Any holder of the client's key -> Master: these Workers take work again. */
export const recommissionWorkers = z.object({
  type: z.literal('RecommissionWorkers'),
  workers,
  by: name.optional(),
})
export type RecommissionWorkers = z.infer<typeof recommissionWorkers>

export const recommissionWorkersResponse = z.object({
  type: z.literal('RecommissionWorkersResponse'),
  /** `wasDrained` false: it took work already. */
  workers: z.array(z.object({ name, host: name, wasDrained: z.boolean() })).max(limits.drainedAtOnce),
})
export type RecommissionWorkersResponse = z.infer<typeof recommissionWorkersResponse>

/** Master -> Worker: it is drained, or not any more. This is durable. */
export const decommissionWorker = z.object({
  type: z.literal('DecommissionWorker'),
  workerId: name,
  isDrained: z.boolean(),
  reason: text.optional(),
})
export type DecommissionWorker = z.infer<typeof decommissionWorker>

/** Worker -> Master: it is being stopped, and wants to be drained before. */
export const workerDecommissioning = z.object({
  type: z.literal('WorkerDecommissioning'),
  workerId: name,
  /** What is left of its time. */
  deadlineMs,
  reason: reason.optional(),
})
export type WorkerDecommissioning = z.infer<typeof workerDecommissioning>
