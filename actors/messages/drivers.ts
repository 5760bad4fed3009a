import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import {
  carriedContext,
  credentials,
  driverDescription,
  driverStates,
  name,
  positive,
  resourceAddresses,
  shownDriverStates,
  text,
} from './common.js'
import { driverLife, driverProgress } from './driver-life.js'
import { notStarted } from './launch-failures.js'
import { owner } from './tokens.js'

/* Programs in the cluster: submission, launch, end. */

export const requestSubmitDriver = z.object({
  type: z.literal('RequestSubmitDriver'),
  /**
   * Idempotency key: the caller's, or a random one that its retries repeat. Scope: the cluster (protocol 15).
   */
  key: name,
  description: driverDescription,
  /** Digest of the program, where its files do not travel. Absent: the key does not look at the program. */
  program: name.optional(),
})
export type RequestSubmitDriver = z.infer<typeof requestSubmitDriver>

export const submitDriverResponse = z.object({
  type: z.literal('SubmitDriverResponse'),
  driverId: name,
  key: name,
  state: z.enum(shownDriverStates),
})
export type SubmitDriverResponse = z.infer<typeof submitDriverResponse>

/** `by`: who asks, for people. It is nobody's proof. */
export const requestKillDriver = z.object({
  type: z.literal('RequestKillDriver'),
  driverId: name,
  by: name.optional(),
})
export type RequestKillDriver = z.infer<typeof requestKillDriver>

/** The kill is durable; the end is reported when the process group is gone. */
export const killDriverResponse = z.object({
  type: z.literal('KillDriverResponse'),
  driverId: name,
  message: text,
})
export type KillDriverResponse = z.infer<typeof killDriverResponse>

/**
 * Ends the process of a supervised driver and starts the next attempt at once, on the same Worker. A repeated
 * request has the same `request` and restarts once.
 */
export const requestRestartDriver = z.object({
  type: z.literal('RequestRestartDriver'),
  driverId: name,
  request: name,
})
export type RequestRestartDriver = z.infer<typeof requestRestartDriver>

export const restartDriverResponse = z.object({
  type: z.literal('RestartDriverResponse'),
  driverId: name,
  message: text,
})
export type RestartDriverResponse = z.infer<typeof restartDriverResponse>

export const requestDriverStatus = z.object({ type: z.literal('RequestDriverStatus'), driverId: name })
export type RequestDriverStatus = z.infer<typeof requestDriverStatus>

export const driverStatusResponse = z.object({
  type: z.literal('DriverStatusResponse'),
  driverId: name,
  name,
  state: z.enum(shownDriverStates),
  generation: z.int().min(0),
  supervise: z.boolean(),
  worker: name.nullable(),
  exitCode: z.int().nullable(),
  signal: name.nullable(),
  message: text,
})
export type DriverStatusResponse = z.infer<typeof driverStatusResponse>

export const launchDriver = z.object({
  type: z.literal('LaunchDriver'),
  workerId: name,
  driverId: name,
  generation: positive,
  resources: resourceAddresses,
  description: driverDescription,
  /** Who submitted it. */
  owner: owner.optional(),
  /** host:port of Workers that have its code. */
  codeFrom: z.array(name).max(limits.codeSources).optional(),
  credentials,
  /** What is known of its processes so far; absent: there was none. */
  life: driverLife.optional(),
  /** The span of its submission. */
  trace: carriedContext,
})
export type LaunchDriver = z.infer<typeof launchDriver>

export const killDriver = z.object({
  type: z.literal('KillDriver'),
  workerId: name,
  driverId: name,
  generation: positive,
  /** Its Worker is drained: this is no kill, and a supervised driver is launched elsewhere. */
  drained: z.boolean().optional(),
})
export type KillDriver = z.infer<typeof killDriver>

export const restartDriver = z.object({
  type: z.literal('RestartDriver'),
  workerId: name,
  driverId: name,
  generation: positive,
  request: name,
})
export type RestartDriver = z.infer<typeof restartDriver>

/**
 * Worker -> Master: how a driver fares now. It is neither numbered nor acknowledged, because the next one,
 * the end, or the full report on the next link says the same again.
 */
export const driverProgressed = z.object({
  type: z.literal('DriverProgressed'),
  workerId: name,
  driverId: name,
  generation: positive,
  progress: driverProgress,
})
export type DriverProgressed = z.infer<typeof driverProgressed>

export const driverStateChanged = z.object({
  type: z.literal('DriverStateChanged'),
  workerId: name,
  /** Number of this change at this Worker; acknowledged by ChangesAcknowledged (protocol R5). */
  change: positive,
  driverId: name,
  generation: positive,
  attempt: positive,
  state: z.enum(driverStates),
  exitCode: z.int().optional(),
  signal: name.optional(),
  message: text.optional(),
  /** The Worker lacked capacity. The driver is placed again; this is no failure. */
  noRoom: z.boolean().optional(),
  /** Its isolated Worker stopped it (`onIsolation: stop`). It is launched again; this is no failure. */
  isolated: z.boolean().optional(),
  /** This attempt never had a process. The driver is placed again; this is no end of its own. */
  notStarted: notStarted.optional(),
  /**
   * Its Worker is being stopped and stopped it. A supervised driver is launched again, whatever its exit
   * code.
   */
  stopped: z.boolean().optional(),
  /** Its Worker is drained, and stopped it. A supervised driver is launched elsewhere. */
  drained: z.boolean().optional(),
  /**
   * Refused: for a leadership that the store forgot, the Worker decided on this generation. The next one is
   * higher.
   */
  decided: positive.optional(),
  /**
   * How often in a row it ended soon after its start. A supervised driver is then tried on other Workers
   * first.
   */
  crashes: positive.optional(),
  /** It failed more often than its `maxRestarts` allow. This is its end. */
  givenUp: z.boolean().optional(),
  life: driverLife.optional(),
})
export type DriverStateChanged = z.infer<typeof driverStateChanged>
