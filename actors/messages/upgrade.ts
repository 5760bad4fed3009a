import { innerLimits } from '../../runtime/inner-limits.js'
import * as z from '../../runtime/zod.js'
import { count, positive } from './common.js'

/* The end of a rolling upgrade: the store gets the newest format that all Masters know (protocol 13.1). */

/** Any holder of the client's key -> Master. */
export const requestFinishUpgrade = z.object({
  type: z.literal('RequestFinishUpgrade'),
  /** So many Masters the deployment has: refused while fewer are linked. */
  masters: count.max(innerLimits.masters).optional(),
})
export type RequestFinishUpgrade = z.infer<typeof requestFinishUpgrade>

/** The format is durable. The same twice: there was nothing to raise. */
export const finishUpgradeResponse = z.object({
  type: z.literal('FinishUpgradeResponse'),
  was: positive,
  is: positive,
})
export type FinishUpgradeResponse = z.infer<typeof finishUpgradeResponse>
