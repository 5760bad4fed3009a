import { z } from 'zod'
import { limits } from '../../runtime/limits.js'
import { count, found, masterAddress, name, position } from './common.js'

/*
 * Masters among themselves. Of two Masters the one with the smaller address dials (protocol R0), both speak first:
 * MasterChanged or MasterInStandby. The position of the sender travels in the envelope.
 */

/** Leader -> STANDBY, every lease/3: what each side needs to hand the leadership over (protocol 6, 13). */
export const leaderPulse = z.object({
  type: z.literal('LeaderPulse'),
  /** Live Workers in its books, and those it hears. */
  workers: count,
  workersHeard: count,
})
export type LeaderPulse = z.infer<typeof leaderPulse>

/** STANDBY -> leader, in answer. */
export const standbyPulse = z.object({
  type: z.literal('StandbyPulse'),
  workersHeard: count,
  /** Its store answered within the last lease/3. */
  storeReachable: z.boolean(),
})
export type StandbyPulse = z.infer<typeof standbyPulse>

/** New leader -> all Masters: who has records that its store may have forgotten, gives them (protocol 12). */
export const requestLostTail = z.object({
  type: z.literal('RequestLostTail'),
  /** Where this leader, and those before it, found the store. */
  ...found.shape,
  /** Go on with what was begun on this link: what came before has been taken. */
  more: z.boolean().optional(),
})
export type RequestLostTail = z.infer<typeof requestLostTail>

/** Master -> new leader: records of its record cache that are newer than base, as many as one message takes; the last says so. */
export const lostTail = z.object({
  type: z.literal('LostTail'),
  /** [table, id, JSON text with its `at`]. */
  records: z
    .array(z.tuple([z.enum(['worker', 'app', 'driver', 'ended', 'key']), name, z.string().max(512 * 1024)]))
    .max(limits.lostWriteRecords),
  last: z.boolean(),
})
export type LostTail = z.infer<typeof lostTail>

/** New leader -> Master: all that you gave is durable again, at the position of this envelope or before. */
export const tailTaken = z.object({ type: z.literal('TailTaken') })
export type TailTaken = z.infer<typeof tailTaken>

/** Leader that stops -> the STANDBY it chose: the lock is free, take it (protocol 13). */
export const handOver = z.object({ type: z.literal('HandOver') })
export type HandOver = z.infer<typeof handOver>

/** Leader that stops -> the other STANDBYs: hold off, `to` is taking over. */
export const released = z.object({ type: z.literal('Released'), to: masterAddress })
export type Released = z.infer<typeof released>

/**
 * Worker -> each Master that does not lead: the highest leadership it obeyed, on each new link and when its link to the
 * leader ends. A position above the stored one is how a candidate learns that the store lost its last writes (protocol 5.3).
 */
export const positionSeen = z.object({
  type: z.literal('PositionSeen'),
  position,
  owner: name,
})
export type PositionSeen = z.infer<typeof positionSeen>
