import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import {
  applicationStates,
  applicationSummary,
  count,
  driverSummary,
  executorStates,
  masterAddress,
  name,
  port,
  position,
  positive,
  recoveryStates,
  resourceAddresses,
  shownDriverStates,
  text,
  wallTime,
  workerStates,
} from './common.js'
import { deploymentHead } from './deployments.js'
import { driverEvent, driverExit } from './driver-life.js'
import { condition, endCauses, executorEnds, killAsked, wait } from './explanation.js'
import { waiting } from './launch-failures.js'
import { owner } from './tokens.js'
import { confinement } from './workers.js'

/* The state of a Master for commands, pages and `/json/`, and where outputs are. */

export const workerStatus = z.object({
  id: name,
  name,
  host: name,
  port,
  web: z.string().nullable(),
  state: z.enum(workerStates),
  suspect: z.boolean(),
  cores: count,
  coresUsed: count,
  memoryMib: count,
  memoryMibUsed: count,
  resources: resourceAddresses,
  resourcesUsed: resourceAddresses,
  labels: z.record(name, text),
  confinement: confinement.optional(),
  lastHeartbeatMs: wallTime,
  /** Set where it is drained: since when, until when, and what is left there. */
  drain: z
    .object({
      sinceMs: wallTime,
      deadlineAtMs: wallTime,
      reason: text.optional(),
      by: name.optional(),
      /** It is being stopped: the drain ends with its process. */
      isStopping: z.boolean().optional(),
      executors: count,
      drivers: count,
    })
    .optional(),
  /** Only where `explain` was asked for. */
  condition: condition.optional(),
})
export type WorkerStatus = z.infer<typeof workerStatus>

export const executorStatus = z.object({
  appId: name,
  execId: count,
  workerId: name,
  cores: count,
  memoryMib: count,
  state: z.enum(executorStates),
  /** Absent: this leadership did not launch it, and found it running. */
  launchedAtMs: wallTime.optional(),
})
export type ExecutorStatus = z.infer<typeof executorStatus>

export const applicationStatus = z.object({
  id: name,
  description: applicationSummary,
  state: z.enum(applicationStates),
  submittedAtMs: wallTime,
  endedAtMs: wallTime.nullable(),
  coresGranted: count,
  driver: name.nullable(),
  owner: owner.optional(),
  /** Incarnation of its ClientEndpoint while that is linked. Its trace is there. */
  endpoint: name.optional(),
  /** Why it has fewer executors than it wants; absent: it has enough, or has ended. */
  waiting: waiting.optional(),
  message: text,
  /** Why it waits; only where `explain` was asked for, absent where it does not wait. */
  wait: wait.optional(),
  endCause: z.enum(endCauses).optional(),
  killAsked: killAsked.optional(),
  /** With DRIVER_GONE: its token was not in force any more when it ended. Earlier releases do not say it. */
  tokenEnded: z.boolean().optional(),
  /** Only where `explain` was asked for. */
  executorEnds: executorEnds.optional(),
})
export type ApplicationStatus = z.infer<typeof applicationStatus>

export const driverStatus = z.object({
  id: name,
  owner: owner.optional(),
  description: driverSummary,
  state: z.enum(shownDriverStates),
  submittedAtMs: wallTime,
  endedAtMs: wallTime.nullable(),
  generation: count,
  worker: name.nullable(),
  exitCode: z.int().nullable(),
  signal: name.nullable(),
  /** Why it waits, or how it ended. */
  message: text,
  /** Of its process; absent: there is none now. */
  pid: positive.optional(),
  /** Only where it has a `readiness`: whether it can be relied on. */
  ready: z.boolean().optional(),
  /** Absent: none. */
  restarts: count.optional(),
  lastExit: driverExit.optional(),
  /** Set while it rests between two attempts. */
  nextStartAtMs: wallTime.optional(),
  /** Oldest first. Only the status of one driver has them. */
  events: z.array(driverEvent).max(limits.driverEvents).optional(),
  /** Why it waits; only where `explain` was asked for, absent where it does not wait. */
  wait: wait.optional(),
  endCause: z.enum(endCauses).optional(),
  killAsked: killAsked.optional(),
})
export type DriverStatus = z.infer<typeof driverStatus>

/** The order in which pages give them. An ended row moves to a later section, so that no page misses it. */
export const stateSections = [
  'workers',
  'activeApps',
  'executors',
  'activeDrivers',
  'completedApps',
  'completedDrivers',
] as const
export type StateSection = (typeof stateSections)[number]

/** Asks for one page of a Master's state. `MasterClient` joins the pages. */
export const requestMasterState = z.object({
  type: z.literal('RequestMasterState'),
  /** `next` of the page before; absent: asks for the first page. */
  after: z
    .string()
    .regex(new RegExp(`^\\d{1,16}:(${stateSections.join('|')}):\\d{1,16}$`), 'must be `next` of a page')
    .optional(),
  /** The wanted sections; absent: all. */
  parts: z.array(z.enum(stateSections)).max(stateSections.length).optional(),
  /** Only this application, driver or Worker, by id, or a Worker by name. */
  of: name.optional(),
  /** With `of`: also why it waits. This costs a look at each Worker. */
  explain: z.boolean().optional(),
})
export type RequestMasterState = z.infer<typeof requestMasterState>

export const masterStateResponse = z.object({
  type: z.literal('MasterStateResponse'),
  cluster: name,
  address: masterAddress,
  web: z.string().nullable(),
  rest: z.string().nullable(),
  state: z.enum(recoveryStates),
  position,
  leader: masterAddress.nullable(),
  /** When this leadership began, epoch milliseconds. */
  sinceMs: wallTime.nullable(),
  /** True: the store cannot be reached, so this state comes from memory. */
  stale: z.boolean(),
  /** UNKNOWN: the answering Master has no link to that Master. */
  masters: z.array(
    z.object({
      address: masterAddress,
      state: z.enum([...recoveryStates, 'UNKNOWN']),
      /** Where its pages are; absent: the answering Master has not been told. */
      web: z.string().max(innerLimits.addressChars).optional(),
    }),
  ),
  /** The newest apply of a deployment file; absent: there was none. */
  deployment: deploymentHead
    .pick({ number: true, state: true, by: true, startedAtMs: true, endedAtMs: true })
    .optional(),
  /**
   * Only a leader says it: the format of its store, and the newest that it and all Masters linked to it know
   * (`upgrade --finish`).
   */
  store: z.object({ format: positive, newest: positive }).optional(),
  workers: z.array(workerStatus).max(limits.statePageRows),
  activeApps: z.array(applicationStatus).max(limits.statePageRows),
  executors: z.array(executorStatus).max(limits.statePageRows),
  activeDrivers: z.array(driverStatus).max(limits.statePageRows),
  completedApps: z.array(applicationStatus).max(limits.statePageRows),
  completedDrivers: z.array(driverStatus).max(limits.statePageRows),
  /** Where the next page begins; absent: this is the last one. */
  next: z.string().max(64).optional(),
})
/** One page. */
export type MasterStatePage = z.infer<typeof masterStateResponse>

export type ApplicationView = ApplicationStatus & { readonly executors: readonly ExecutorStatus[] }

/** All pages together. */
export interface MasterStateResponse extends Omit<MasterStatePage, StateSection | 'next'> {
  readonly workers: readonly WorkerStatus[]
  readonly activeApps: readonly ApplicationView[]
  readonly completedApps: readonly ApplicationView[]
  readonly activeDrivers: readonly DriverStatus[]
  readonly completedDrivers: readonly DriverStatus[]
}

/**
 * Asks a Master which Worker has the output of a driver or executor. The client then reads it from that
 * Worker.
 */
export const requestLogLocation = z.object({ type: z.literal('RequestLogLocation'), id: name })
export type RequestLogLocation = z.infer<typeof requestLogLocation>

const mac = z.string().max(64)

/** Signed by the leader: this client may read the output. */
const logGrant = z.object({ subject: name, untilMs: wallTime, mac })

const logPlace = z.object({
  workerId: name,
  worker: masterAddress,
  /** Signature of the grant for this Worker, which has a token. Absent: that in the grant is for it. */
  mac: mac.optional(),
})
export type LogPlace = z.infer<typeof logPlace>

export const logLocation = z.object({
  type: z.literal('LogLocation'),
  id: name,
  workerId: name,
  /** firesteel://host:port of the Worker's actors. */
  worker: masterAddress,
  mac: mac.optional(),
  /** Of a driver: all Workers that may have output of it, oldest first. */
  places: z.array(logPlace).max(limits.driverHomes).optional(),
  /** For a client with a token, which passes it on to the Worker. */
  grant: logGrant.optional(),
})
export type LogLocation = z.infer<typeof logLocation>

/** Client -> Worker. `id` is `driver-...` or `app-.../N`. LogChunks answer it, the last one with `end`. */
export const requestLog = z.object({
  type: z.literal('RequestLog'),
  /** A name that the caller chose for the stream, used in its chunks and in StopLog. */
  stream: name,
  id: name,
  /** `attempts`: the list of a driver's attempts on this Worker, as JSON lines. */
  output: z.enum(['stdout', 'stderr', 'attempts']),
  /** From LogLocation. A client with the cluster's secret needs none. */
  grant: logGrant.optional(),
  /** The part of the output, in bytes ever written; absent: all of it. */
  offset: count.optional(),
  end: count.optional(),
  /** Only the last lines of this part. */
  tailLines: count.optional(),
  follow: z.boolean(),
  /** What is followed ends with this attempt of a driver; absent: it goes on over later attempts. */
  attempt: z.object({ generation: positive, attempt: positive }).optional(),
})
export type RequestLog = z.infer<typeof requestLog>

export const stopLog = z.object({ type: z.literal('StopLog'), stream: name })
export type StopLog = z.infer<typeof stopLog>

export const logChunk = z.object({
  type: z.literal('LogChunk'),
  stream: name,
  /** Base64 of the bytes, because output need not be UTF-8 and a chunk may cut a character. */
  data: z.string().max(1_000_000),
  /** Where the output goes on after these bytes, in bytes ever written. */
  next: count.optional(),
  end: z.boolean(),
  error: text.optional(),
})
export type LogChunk = z.infer<typeof logChunk>
