import { limits } from '../../runtime/limits.js'
import { withoutOddLengths } from '../../runtime/odd-length.js'
import * as z from '../../runtime/zod.js'
import {
  applicationDescription,
  applicationStates,
  applicationSummary,
  carriedContext,
  count,
  driverDescription,
  driverIncarnation,
  driverStates,
  driverSummary,
  name,
  port,
  position,
  positive,
  resourceAddresses,
  text,
  wallTime,
} from '../messages/common.js'
import { deploymentHead } from '../messages/deployments.js'
import { driverEvent, driverLife } from '../messages/driver-life.js'
import { registrant } from '../messages/executors.js'
import { endCauses, executorEnds, killAsked } from '../messages/explanation.js'
import { owner, tokenRow } from '../messages/tokens.js'
import { workerRestarts } from '../messages/worker-restart.js'
import { confinement } from '../messages/workers.js'

/*
 * What the store keeps (protocol 2). FROZEN FORMAT: these shapes outlive releases. A field that a release
 * does not know stays in the record when it is written again, so whoever changes one spreads it
 * (docs/compatibility.md). `at`, the position of the last write, is stamped by the commit queue.
 */
const at = position.optional()
const homes = z.array(name).max(limits.driverHomes).optional()

export const workerRecord = z.object({
  id: name,
  name,
  host: name,
  port,
  cores: positive,
  memoryMib: positive,
  resources: resourceAddresses,
  labels: z.record(name, text),
  web: z.string().nullable(),
  confinement: confinement.optional(),
  draining: z.boolean(),
  /** Id of the token by which it joined; absent: it has the secret of the cluster. */
  join: name.optional(),
  /** It restarts as announced, and its work lives on for so long (protocol 8.6). */
  restartMs: positive.optional(),
  isSupervised: z.literal(true).optional(),
  restarts: workerRestarts.optional(),
  /** It lives by no longer W than this (protocol 8.1). Absent: it has not said. */
  workerTimeoutMs: positive.optional(),
  /** What it started outlives its process by this; absent: it does not, or it has not said. */
  orphanGraceMs: positive.optional(),
  at,
})
export type WorkerRecord = z.infer<typeof workerRecord>

export const applicationRecord = z.object({
  id: name,
  submittedAtMs: wallTime,
  registration: name,
  description: applicationDescription,
  /** Incarnation of its ClientEndpoint. */
  endpoint: name,
  /** host:port where its driver listens for executors. */
  address: name,
  registrant,
  driver: driverIncarnation.optional(),
  /** Absent: an earlier release wrote it. */
  owner: owner.optional(),
  /** Ceiling of executor ids given out: a whole block is durable before its first id is used. */
  execIds: count,
  /** The span of its registration. */
  trace: carriedContext,
  at,
})
export type ApplicationRecord = z.infer<typeof applicationRecord>

export const driverRecord = z.object({
  id: name,
  submittedAtMs: wallTime,
  description: driverDescription,
  key: name,
  digest: name,
  /** Digest of its program when it was submitted; absent: its submitter did not say, or its code travels. */
  program: name.optional(),
  /** Who submitted it; absent: an earlier release wrote it. */
  owner: owner.optional(),
  state: z.enum(driverStates),
  wanted: z.enum(['RUN', 'KILL']),
  generation: count,
  launchedUnder: count,
  workerId: name.nullable(),
  resources: resourceAddresses,
  /** Ids of the Workers on which it ran, oldest first. */
  homes,
  /** The newest restart that was asked for. It concerns this generation only: a later one starts anew. */
  restart: z.object({ generation: positive, request: name }).optional(),
  /**
   * It waits, and what ran before may live for so long after each election. Absent: as the leader's settings
   * say.
   */
  outlivesMs: positive.optional(),
  /** As it was when the record was last written. */
  life: driverLife.optional(),
  events: z.array(driverEvent).max(limits.driverEvents).optional(),
  killAsked: killAsked.optional(),
  /** The content of its next generation: the present one is told to end (protocol 9). */
  replacement: z.object({ key: name, digest: name, description: driverDescription }).optional(),
  /** The span of its submission. */
  trace: carriedContext,
  at,
})
export type DriverRecord = z.infer<typeof driverRecord>

/** What a driver's record says until its first launch. */
export const neverLaunched = {
  state: 'SUBMITTED',
  wanted: 'RUN',
  generation: 0,
  launchedUnder: 0,
  workerId: null,
  resources: {},
} as const satisfies Partial<DriverRecord>

const ended = {
  id: name,
  owner: owner.optional(),
  submittedAtMs: wallTime,
  endedAtMs: wallTime,
  message: text,
  endCause: z.enum(endCauses).optional(),
  killAsked: killAsked.optional(),
  at,
}

export const endedRecord = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('driver'),
    ...ended,
    description: driverSummary,
    state: z.enum(driverStates),
    generation: count,
    worker: name.nullable(),
    exitCode: z.int().nullable(),
    signal: name.nullable(),
    homes,
    life: driverLife.optional(),
    events: z.array(driverEvent).max(limits.driverEvents).optional(),
  }),
  z.object({
    kind: z.literal('app'),
    ...ended,
    description: applicationSummary,
    state: z.enum(applicationStates),
    driver: name.nullable(),
    executorEnds: executorEnds.optional(),
    tokenEnded: z.boolean().optional(),
  }),
])
export type EndedRecord = z.infer<typeof endedRecord>
export type EndedDriver = Extract<EndedRecord, { kind: 'driver' }>
export type EndedApplication = Extract<EndedRecord, { kind: 'app' }>

/** Idempotency key of a driver that ended; while it lives its own record holds the key. */
export const keyRecord = z.object({
  driverId: name,
  digest: name,
  program: name.optional(),
  endedAtMs: wallTime,
  /** Its end was asked for, however its program then ended. An earlier release does not say so. */
  endAsked: z.literal(true).optional(),
  at,
})
export type KeyRecord = z.infer<typeof keyRecord>

/**
 * A Worker that takes no more work. The record is by name and host, so that a Worker that is started again
 * is still drained.
 */
export const drainRecord = z.object({
  /** `NAME@HOST`. */
  id: name,
  name,
  host: name,
  askedAtMs: wallTime,
  /** The time that it was given when the deadline was set last, and when that is over. */
  deadlineMs: count,
  deadlineAtMs: wallTime,
  reason: text.optional(),
  /** Who asked for it, by its own word. */
  by: name.optional(),
  /** Set where a Worker asked for it because it is being stopped: the drain ends with this incarnation. */
  incarnation: name.optional(),
  at,
})
export type DrainRecord = z.infer<typeof drainRecord>

/** One apply: the file, and how far it came (protocol 15). */
export const deploymentRecord = deploymentHead.extend({
  /** Its number. */
  id: name,
  folder: text,
  text: z.string().max(limits.deploymentChars),
  /** Who applies it: the incarnation of a client. Absent: it has ended. */
  holder: name.optional(),
  at,
})
export type DeploymentRecord = z.infer<typeof deploymentRecord>
/** A token. It has no secret: nodes derive that from the cluster's secret and the id. */
export const tokenRecord = tokenRow.extend({ at })
export type TokenRecord = z.infer<typeof tokenRecord>

/** Of each table. */
export const recordSchemas = {
  worker: workerRecord,
  app: applicationRecord,
  driver: driverRecord,
  ended: endedRecord,
  key: keyRecord,
  drain: drainRecord,
  deployment: deploymentRecord,
  token: tokenRecord,
} as const

export type RecordTable = keyof typeof recordSchemas

/** An odd record makes the check throw: then a copy is checked that is not. All others cost one check. */
function checked(schema: z.ZodType, value: unknown) {
  try {
    return schema.safeParse(value)
  } catch {
    return schema.safeParse(withoutOddLengths(value))
  }
}

const unreadable = (schema: z.ZodType) => (value: unknown) => {
  const parsed = checked(schema, value)
  if (parsed.success) return undefined
  const issue = parsed.error.issues[0]
  return `${issue?.path.join('.') || '(record)'}: ${issue?.message}`
}

/** Why a record of a table is unreadable; handed to the persistence engine at composition. */
export const recordViolations = Object.fromEntries(
  Object.entries(recordSchemas).map(([table, schema]) => [table, unreadable(schema)]),
) as Readonly<Record<RecordTable, (value: unknown) => string | undefined>>

/** Everything read at election. */
export interface StoredRecords {
  readonly deployments: readonly DeploymentRecord[]
  readonly tokens: readonly TokenRecord[]
  readonly drains: readonly DrainRecord[]
  readonly workers: readonly WorkerRecord[]
  readonly apps: readonly ApplicationRecord[]
  readonly drivers: readonly DriverRecord[]
  readonly ended: readonly EndedRecord[]
  readonly keys: readonly (readonly [key: string, record: KeyRecord])[]
}
