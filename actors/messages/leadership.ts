import type { ErrorParts } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import * as z from '../../runtime/zod.js'
import { count, formatRange, found, masterAddress, name } from './common.js'

/*
 * Which Master leads. A Master sends the first message on every new link (protocol R0): MasterChanged if it
 * leads, else MasterInStandby. Epoch and position travel in the envelope; the owner is the link's incarnation
 * (protocol R1).
 */

const CHARS_MAX = innerLimits.standbyProblemChars

export const masterChanged = z.object({
  type: z.literal('MasterChanged'),
  /** Address of the leader. */
  master: masterAddress,
  web: z.string().max(innerLimits.addressChars).nullable(),
  /** All Masters of the cluster, so that receivers need no complete list of their own. */
  masters: z.array(masterAddress).max(innerLimits.masters),
  /**
   * Where this leader and those before it found the store. A Worker repeats what the store may have
   * forgotten.
   */
  found: found.optional(),
})
export type MasterChanged = z.infer<typeof masterChanged>

export const masterInStandby = z.object({
  type: z.literal('MasterInStandby'),
  masters: z.array(masterAddress).max(innerLimits.masters),
  /** The address of the leader, as far as this Master knows. */
  leader: masterAddress.optional(),
  /**
   * Where its own pages are. Only Masters are told, so that the pages of one can link to those of another.
   */
  web: z.string().max(innerLimits.addressChars).optional(),
  /** The formats of a store that it knows. Only Masters are told; absent: format 1. */
  formats: formatRange.optional(),
  /** `sentAtMs` of the Heartbeat that this answers; it dates the proof (protocol 8, isolation). */
  heartbeatSentAtMs: z.number().min(0).optional(),
  /** What keeps this Master from being elected, as far as its store says it. */
  problem: z
    .object({ code: name, message: z.string().max(CHARS_MAX), help: z.string().max(CHARS_MAX).optional() })
    .optional(),
})

/** The problem within the bounds of its message. */
export function standbyProblem({ code, message, help }: ErrorParts): NonNullable<MasterInStandby['problem']> {
  const short = (text: string): string => text.slice(0, CHARS_MAX)
  return { code, message: short(message), ...(help !== undefined && { help: short(help) }) }
}

export type MasterInStandby = z.infer<typeof masterInStandby>

/** Receiver -> Master: your leadership is over, because the receiver has seen this one (protocol R1). */
export const staleEpoch = z.object({
  type: z.literal('StaleEpoch'),
  epoch: count,
  owner: name,
})
export type StaleEpoch = z.infer<typeof staleEpoch>
