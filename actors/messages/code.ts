import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { codePlace, credentials, list, name, text } from './common.js'

/* Which node has which code (protocol 20). The code itself travels on links of its own. */

export const codeId = z.string().regex(/^[0-9a-f]{64}$/)

/** host:port of a Worker. */
const address = name

const codes = z.array(codeId).max(limits.codesPerMessage)

/** Worker -> leader, after each full report and whenever it has another code. */
export const codeHeld = z.object({
  type: z.literal('CodeHeld'),
  workerId: name,
  /** The first message of all that it has; what was told before is over. */
  begins: z.boolean(),
  /** More of the same follows. False: all that it has was told in several messages, and this is the last. */
  more: z.boolean().optional(),
  codes,
  /** Absent: it uses no code where it lies. */
  place: codePlace.optional(),
})
export type CodeHeld = z.infer<typeof codeHeld>

/** Leader -> Worker: drivers need these codes. One that it lacks it fetches. */
export const keepCode = z.object({
  type: z.literal('KeepCode'),
  workerId: name,
  /** Only what this and the following messages name is to be kept. */
  begins: z.boolean(),
  codes: list(z.object({ id: codeId, root: text, from: z.array(address).max(limits.codeSources) })),
  credentials,
})
export type KeepCode = z.infer<typeof keepCode>

/** Submitter -> leader: must my code travel, and who may take it? */
export const requestCodePlan = z.object({
  type: z.literal('RequestCodePlan'),
  place: codePlace,
  /** Absent: it has not been read yet. */
  id: codeId.optional(),
})
export type RequestCodePlan = z.infer<typeof requestCodePlan>

export const codePlan = z.object({
  type: z.literal('CodePlan'),
  /** Every Worker sees the submitter's files where they lie. */
  inPlace: z.boolean(),
  /** Enough nodes have the code. */
  enough: z.boolean(),
  /** Workers that may take it, those first that should. */
  workers: z.array(z.object({ id: name, address, holds: z.boolean() })).max(limits.codeSources),
})
export type CodePlan = z.infer<typeof codePlan>
