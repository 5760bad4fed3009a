import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, executorStates, labels, name, positive, resourceAmounts, text, wallTime } from './common.js'
import { failedWorker } from './launch-failures.js'

/*
 * Why something waits, and how it ended, as values. A Master makes them from its cluster state; only code
 * that shows them makes text of them (explanation-text.ts, death-text.ts).
 */

/** What one Worker is to something that waits: the nearest to a launch first. */
export const workerVerdicts = [
  /** It is free for the launch. */
  'FITS',
  /** A launch failed there, and the back-off is not over. */
  'RESTING',
  /** Launches failed there, so others are tried first. */
  'EXCLUDED',
  /** It is large enough, and in use. */
  'NO_ROOM',
  /** It has not reported to this leadership yet. */
  'NOT_REPORTED',
  /** It has no link to the Master, and is not known to be dead. */
  'UNREACHABLE',
  /** It is being stopped. */
  'STOPPING',
  'DRAINING',
  /** It is too small, even if it were empty. */
  'TOO_SMALL',
  'NO_LABEL',
  'DEAD',
] as const
export type WorkerVerdict = (typeof workerVerdicts)[number]

/** What a Worker has too little of. `what`: cores, memoryMib, or the name of a resource. */
const shortage = z.object({ what: name, wanted: count, free: count, whole: count })
export type Shortage = z.infer<typeof shortage>

/** `found` absent: the Worker has no label of that name. */
const missingLabel = z.object({ label: name, wanted: text, found: text.optional() })
export type MissingLabel = z.infer<typeof missingLabel>

/** An application or driver, and how much of a Worker it has. */
const holder = z.object({ id: name, cores: count, memoryMib: count })
export type Holder = z.infer<typeof holder>

export const workerFit = z.object({
  workerId: name,
  host: name,
  verdict: z.enum(workerVerdicts),
  short: z.array(shortage).max(innerLimits.explainedShortages),
  labels: z.array(missingLabel).max(innerLimits.explainedShortages),
  failed: failedWorker.optional(),
  /** Of a Worker that is in use: what has most of it. */
  holders: z.array(holder).max(innerLimits.namedHolders),
  /** When it was heard last, of a Worker that is not reached. */
  heardAtMs: wallTime.optional(),
  /** Of a Worker that is not reached: when it counts as dead at the latest. */
  deadAtMs: wallTime.optional(),
})
export type WorkerFit = z.infer<typeof workerFit>

export const waitCauses = [
  // Of what no Worker has yet
  'RECOVERING',
  'FORMER_MAY_LIVE',
  'PLACED_NEXT',
  'LAUNCHES_FAILED',
  'ALL_EXCLUDED',
  'NO_ROOM',
  'NOT_REPORTED',
  'UNREACHABLE',
  'ALL_DRAINING',
  'LEAVING',
  'TOO_LARGE',
  'NO_LABEL',
  'NO_WORKER',
  // Of an application
  'NOT_LINKED',
  'ASKS_NONE',
  'CORES_LIMIT',
  // Of what a Worker has
  'STARTING',
  'RESTING',
  'HELD',
  'ENDING',
  'BEING_RESTARTED',
  'WORKER_UNREACHABLE',
  'WORKER_NOT_REPORTED',
] as const
export type WaitCause = (typeof waitCauses)[number]

export const wait = z.object({
  cause: z.enum(waitCauses),
  /** The Worker that it waits for. */
  workerId: name.optional(),
  /** When the wait ends by itself, at the latest. */
  untilMs: wallTime.optional(),
  /** What one launch needs. */
  wants: z
    .object({ cores: positive, memoryMib: positive, resources: resourceAmounts, on: labels.optional() })
    .optional(),
  /** Drivers that ask for the same and are older. */
  ahead: count.optional(),
  /** How many Workers there are of each verdict. */
  counts: z.record(name, count),
  /** Those that come nearest. */
  workers: z.array(workerFit).max(innerLimits.explainedWorkers),
})
export type Wait = z.infer<typeof wait>

export const workerConditions = [
  'USABLE',
  'FULL',
  'NOT_REPORTED',
  'UNREACHABLE',
  'STOPPING',
  'DRAINING',
  'DEAD',
] as const
export type WorkerCondition = (typeof workerConditions)[number]

/** Why a Worker is given work or not. */
export const condition = z.object({
  condition: z.enum(workerConditions),
  heardAtMs: wallTime,
  /** When it counts as dead at the latest, if it is not heard again. */
  deadAtMs: wallTime.optional(),
  diedAtMs: wallTime.optional(),
  /** Why it was declared dead. */
  reason: text.optional(),
  /** Applications and drivers whose launches failed there lately. */
  failed: z.array(z.object({ subject: name, failure: failedWorker })).max(limits.shownFailedWorkers),
})
export type Condition = z.infer<typeof condition>

/** Who asked for an end. */
export const killAsked = z.object({
  atMs: wallTime,
  /** The leadership that was asked. */
  epoch: positive,
  /** The host from which the request came. */
  host: name,
  /** Who that was, by its own word. */
  by: name.optional(),
})
export type KillAsked = z.infer<typeof killAsked>

export const endCauses = [
  /** Its program ended by itself, or somebody outside of the cluster ended it. */
  'OWN',
  /** It failed more often than `maxRestarts` allows. */
  'GIVEN_UP',
  'KILL_ASKED',
  'KILLED_BEFORE_START',
  'WORKER_LOST',
  /** Its Worker was stopped, and it is not supervised. */
  'WORKER_STOPPED',
  /** No Worker could start it. */
  'NOT_STARTED',
  /** The store had lost it, and it was submitted again. */
  'SUBMITTED_AGAIN',
  // Of an application
  'UNREGISTERED',
  'DRIVER_ENDED',
  'DRIVER_GONE',
  'DRIVER_RESTARTED',
  'EXECUTORS_FAILED',
] as const
export type EndCause = (typeof endCauses)[number]

/** How an executor of an application ended, as one leadership saw it. */
export const executorEnd = z.object({
  atMs: wallTime,
  /** Absent: that leadership did not launch it, and found it running. */
  launchedAtMs: wallTime.optional(),
  cores: count.optional(),
  execId: count,
  workerId: name.optional(),
  state: z.enum(executorStates),
  exitStatus: z.int().optional(),
  text: z.string().max(limits.driverEventChars),
})
export type ExecutorEnd = z.infer<typeof executorEnd>
/** The text of an executor that its application had until its own end. */
export const ENDED_WITH_APPLICATION = 'its application ended'
export const executorEnds = z.array(executorEnd).max(innerLimits.keptExecutorEnds)
