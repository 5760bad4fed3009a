import { z } from 'zod'
import { driverDescription, driverStates, name, positive, resourceAddresses, text } from './common.js'
import { notStarted } from './launch-failures.js'

/* Programs in the cluster: submission, launch, end. */

export const requestSubmitDriver = z.object({
  type: z.literal('RequestSubmitDriver'),
  /** Idempotency key: the caller's, or a random one kept for its retries. Scope: the cluster (protocol 15). */
  key: name,
  description: driverDescription,
})
export type RequestSubmitDriver = z.infer<typeof requestSubmitDriver>

export const submitDriverResponse = z.object({
  type: z.literal('SubmitDriverResponse'),
  driverId: name,
  key: name,
  state: z.enum(driverStates),
})
export type SubmitDriverResponse = z.infer<typeof submitDriverResponse>

export const requestKillDriver = z.object({ type: z.literal('RequestKillDriver'), driverId: name })
export type RequestKillDriver = z.infer<typeof requestKillDriver>

/** The kill is durable; the end is reported when the process group is gone. */
export const killDriverResponse = z.object({
  type: z.literal('KillDriverResponse'),
  driverId: name,
  message: text,
})
export type KillDriverResponse = z.infer<typeof killDriverResponse>

export const requestDriverStatus = z.object({ type: z.literal('RequestDriverStatus'), driverId: name })
export type RequestDriverStatus = z.infer<typeof requestDriverStatus>

export const driverStatusResponse = z.object({
  type: z.literal('DriverStatusResponse'),
  driverId: name,
  name,
  state: z.enum(driverStates),
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
})
export type LaunchDriver = z.infer<typeof launchDriver>

export const killDriver = z.object({
  type: z.literal('KillDriver'),
  workerId: name,
  driverId: name,
  generation: positive,
})
export type KillDriver = z.infer<typeof killDriver>

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
  /** Refused for want of room: placed again, not a failure. */
  noRoom: z.boolean().optional(),
  /** Its Worker heard no leader and stopped it (`onIsolation: stop`): launched again, not a failure. */
  isolated: z.boolean().optional(),
  /** There was never a process of this attempt: placed again, not an end of its own. */
  notStarted: notStarted.optional(),
  /** Its Worker is being stopped, and it with it: one that is supervised is launched again, whatever its exit code. */
  stopped: z.boolean().optional(),
  /** Refused: its Worker has decided on this generation, for a leadership that the store forgot. Placed again, above it. */
  decided: positive.optional(),
  /** So often in a row it ended soon after its start. Its Worker gives it back: one that is supervised is tried elsewhere first. */
  crashes: positive.optional(),
})
export type DriverStateChanged = z.infer<typeof driverStateChanged>
