import { z } from 'zod'
import { limits } from '../../runtime/limits.js'
import { name, positive, text, wallTime } from './common.js'

/* Launches that come to nothing, and who waits because of them: values, put into words only where people read them. */

/** What a Worker says of a process that could not be made. */
export const notStarted = z.object({
  /** FIRESTEEL_... */
  code: name,
  /** Path or command that is the matter. */
  place: text.optional(),
})
export type NotStarted = z.infer<typeof notStarted>

/** Why a launch came to nothing. */
export const launchFailure = z.discriminatedUnion('kind', [
  /** No process: its folder or program is missing, its command does not run, the disk is full. */
  z.object({ kind: z.literal('start'), ...notStarted.shape, message: text }),
  /** The process ended before it had done anything, or soon after. `output`: what `logs` shows it under. */
  z.object({ kind: z.literal('exit'), exitStatus: z.int().nullable(), output: name, message: text }),
  /** Its Worker had no room for it after all, or has decided on that generation of a driver before. */
  z.object({ kind: z.literal('room'), message: text }),
])
export type LaunchFailure = z.infer<typeof launchFailure>

/** How launches of one application fare on one Worker. */
export const failedWorker = z.object({
  workerId: name,
  host: name,
  /** The last one. */
  failure: launchFailure,
  /** Launches in a row that came to nothing; those of one moment count as one. */
  failures: positive,
  /** It is left alone until then, epoch milliseconds. */
  retryAtMs: wallTime,
  /** Not tried while another Worker is large enough. */
  excluded: z.boolean(),
})
export type FailedWorker = z.infer<typeof failedWorker>

export const waitingReasons = [
  /** Its driver has no link to this Master. */
  'NOT_LINKED',
  'NO_WORKER',
  /** No Worker is as large as one executor. */
  'TOO_LARGE',
  /** No Worker has room for one now. */
  'NO_ROOM',
  /** Workers that have room could not start it, and are left alone for a while. */
  'LAUNCHES_FAILED',
] as const
export type WaitingReason = (typeof waitingReasons)[number]

export const waiting = z.object({
  reason: z.enum(waitingReasons),
  /** Workers on which it failed of late, the newest failure first. */
  workers: z.array(failedWorker).max(limits.shownFailedWorkers),
})
export type Waiting = z.infer<typeof waiting>
