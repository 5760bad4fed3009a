import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { wallTime } from './common.js'

/*
 * `firesteel ui` gets a ticket from the leader that opens a session in a browser, once. The session may do
 * what the client may that asks. The shell answers it, beside the core.
 */

export const requestPageTicket = z.object({ type: z.literal('RequestPageTicket') })
export type RequestPageTicket = z.infer<typeof requestPageTicket>

export const pageTicket = z.object({
  type: z.literal('PageTicket'),
  /** Where the pages are that it opens, such as `http://10.0.0.1:8080`. */
  web: z.string().max(innerLimits.addressChars),
  /** A trace does not show it, because of its name. */
  token: z.string().max(limits.pageTokenChars),
  /** After this it opens nothing; epoch milliseconds of the Master's clock. */
  lateAtMs: wallTime,
})
export type PageTicket = z.infer<typeof pageTicket>
