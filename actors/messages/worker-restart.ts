import * as z from '../../runtime/zod.js'
import { count, name, positive, text } from './common.js'

/* A Worker restarts because somebody asked for it, and its work lives on (protocol 8.6). */

/** What a Worker says of its announced restarts when it registers. */
export const workerRestarts = z.object({
  /** So many since its incarnation began. */
  count: positive,
  /** Who asked for the last one; absent: a signal did. */
  request: name.optional(),
  /** So long it took no work then: from its announcement until its next process registered. */
  gapMs: count,
})
export type WorkerRestarts = z.infer<typeof workerRestarts>

/**
 * Any holder of the client's key -> Master. It is sent again until the Worker is back, and restarts it once:
 * not where the Worker has restarted for this `request`, or more often than `since`.
 */
export const requestRestartWorker = z.object({
  type: z.literal('RequestRestartWorker'),
  /** An id, a name, NAME@HOST, or the beginning of an id. */
  worker: name,
  request: name,
  /** `count` of the first answer ASKED: each restart after it began after this was asked for. */
  since: count.optional(),
})
export type RequestRestartWorker = z.infer<typeof requestRestartWorker>

export const workerRestartStates = ['ASKED', 'RESTARTING', 'RESTARTED', 'REFUSED'] as const

export const restartWorkerResponse = z.object({
  type: z.literal('RestartWorkerResponse'),
  workerId: name,
  name,
  /**
   * ASKED: it was told, and its process runs. RESTARTING: it is away, or has announced its restart, so its
   * next process may have begun before this was asked for. REFUSED: by the Worker, see `message`.
   */
  state: z.enum(workerRestartStates),
  /** So many restarts it has behind it. */
  count,
  /** Of the last one. */
  gapMs: count.optional(),
  message: text.optional(),
  executors: count,
  drivers: count,
})
export type RestartWorkerResponse = z.infer<typeof restartWorkerResponse>

/** Master -> Worker. The same `request` again changes nothing. */
export const restartWorker = z.object({ type: z.literal('RestartWorker'), workerId: name, request: name })
export type RestartWorker = z.infer<typeof restartWorker>

/** Worker -> Master: it goes on as before. */
export const workerRestartRefused = z.object({
  type: z.literal('WorkerRestartRefused'),
  workerId: name,
  request: name,
  message: text,
})
export type WorkerRestartRefused = z.infer<typeof workerRestartRefused>
