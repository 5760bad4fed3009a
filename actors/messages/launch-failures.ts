import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { name, positive, text, wallTime } from './common.js'

/*
 * Failed launches, and what waits because of them. They are values; only code that shows them makes text of
 * them.
 */

/** What a Worker reports about a process that could not be made. */
export const notStarted = z.object({
  /** FIRESTEEL_... */
  code: name,
  /** The path or command concerned. */
  place: text.optional(),
})
export type NotStarted = z.infer<typeof notStarted>

/** Why a launch failed. */
export const launchFailure = z.discriminatedUnion('kind', [
  /** There is no process: a folder or program is missing, the command does not run, or the disk is full. */
  z.object({ kind: z.literal('start'), ...notStarted.shape, message: text }),
  /** The process ended before it was of use, or soon after. `output` is the id for `logs`. */
  z.object({ kind: z.literal('exit'), exitStatus: z.int().nullable(), output: name, message: text }),
  /** Its Worker lacked capacity after all, or had already decided on that generation of a driver. */
  z.object({ kind: z.literal('room'), message: text }),
])
export type LaunchFailure = z.infer<typeof launchFailure>

/** The failed launches of one application on one Worker. */
export const failedWorker = z.object({
  workerId: name,
  host: name,
  /** The last failure. */
  failure: launchFailure,
  /** Failed launches in a row. Failures at the same moment count as one. */
  failures: positive,
  /** No launch is tried there before this time; epoch milliseconds. */
  retryAtMs: wallTime,
  /** True: no launch is tried there while another Worker is large enough. */
  excluded: z.boolean(),
})
export type FailedWorker = z.infer<typeof failedWorker>

export const waitingReasons = [
  /** Its driver has no link to this Master. */
  'NOT_LINKED',
  'NO_WORKER',
  /** No Worker has the labels that it asks for. */
  'NO_LABEL',
  /** No Worker is as large as one executor. */
  'TOO_LARGE',
  /** Every Worker that is large enough is drained, or is being stopped. */
  'DRAINING',
  /** No Worker has the capacity for one now. */
  'NO_ROOM',
  /** Workers with capacity failed to start it and are not tried for a while. */
  'LAUNCHES_FAILED',
  /** Every Worker that is as large as one executor is excluded, because launches failed there. */
  'ALL_EXCLUDED',
] as const
export type WaitingReason = (typeof waitingReasons)[number]

export const waiting = z.object({
  reason: z.enum(waitingReasons),
  /** Workers on which it failed lately, the newest failure first. */
  workers: z.array(failedWorker).max(limits.shownFailedWorkers),
})
export type Waiting = z.infer<typeof waiting>
