import { z } from 'zod'
import { count, found, masterAddress, name } from './common.js'

/*
 * Who leads. A Master speaks first on every new link (protocol R0): MasterChanged if it leads, else MasterInStandby.
 * Its epoch and position travel in the envelope; its owner is the link's incarnation (protocol R1).
 */

export const masterChanged = z.object({
  type: z.literal('MasterChanged'),
  /** Address of the Master that leads. */
  master: masterAddress,
  web: z.string().max(256).nullable(),
  /** All Masters of the cluster, so that receivers need no complete list of their own. */
  masters: z.array(masterAddress).max(64),
  /** Where this leader, and those before it, found the store: a Worker says again what that may have forgotten. */
  found: found.optional(),
})
export type MasterChanged = z.infer<typeof masterChanged>

export const masterInStandby = z.object({
  type: z.literal('MasterInStandby'),
  masters: z.array(masterAddress).max(64),
  /** Who leads, as far as this Master knows. */
  leader: masterAddress.optional(),
  /** `sentAtMs` of the Heartbeat that this answers: it dates what it proves (protocol 8, isolation). */
  heartbeatSentAtMs: z.number().min(0).optional(),
})
export type MasterInStandby = z.infer<typeof masterInStandby>

/** Receiver -> Master: your leadership is over, I have seen this one (protocol R1). */
export const staleEpoch = z.object({
  type: z.literal('StaleEpoch'),
  epoch: count,
  owner: name,
})
export type StaleEpoch = z.infer<typeof staleEpoch>
