import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, found, masterAddress, name, position } from './common.js'

/*
 * Messages between Masters. Of two Masters the one with the smaller address dials (protocol R0). Both first
 * send MasterChanged or MasterInStandby. The position of the sender travels in the envelope.
 */

/** Leader -> STANDBY, every lease/3: each side tells what a hand-over depends on (protocol 6, 13). */
export const leaderPulse = z.object({
  type: z.literal('LeaderPulse'),
  /** Number of live Workers that the leader knows; `workersHeard` of them are linked. */
  workers: count,
  workersHeard: count,
  /** It is about to hand over to this STANDBY, which may read ahead (protocol 13). */
  handsOver: z.literal(true).optional(),
})
export type LeaderPulse = z.infer<typeof leaderPulse>

/** STANDBY -> leader, in answer. */
export const standbyPulse = z.object({
  type: z.literal('StandbyPulse'),
  workersHeard: count,
  /** Number of networks of hosts that their links come from. */
  hostsHeard: count.optional(),
  /** Its store answered within the last lease/3. */
  storeReachable: z.boolean(),
  /** That it has read the leader record: a MAC of these numbers by the lock in that record. */
  proof: name.optional(),
  /** It has read ahead, as the leader asked. */
  hasReadAhead: z.literal(true).optional(),
})
export type StandbyPulse = z.infer<typeof standbyPulse>

/** New leader -> all Masters: send the records that the leader's store may have forgotten (protocol 12). */
export const requestLostTail = z.object({
  type: z.literal('RequestLostTail'),
  /** Where this leader and those before it found the store. */
  ...found.shape,
  /** Continue on this link: the records sent before have been taken. */
  more: z.boolean().optional(),
})
export type RequestLostTail = z.infer<typeof requestLostTail>

/**
 * Master -> new leader: cached records newer than `base`, as many as one message holds; the last message says
 * so.
 */
export const lostTail = z.object({
  type: z.literal('LostTail'),
  /** [table, id, JSON text with its `at`]. */
  records: z
    .array(
      z.tuple([
        z.enum(['worker', 'app', 'driver', 'ended', 'key', 'drain', 'deployment', 'token']),
        name,
        z.string().max(2 * limits.recordBytes),
      ]),
    )
    .max(limits.lostWriteRecords),
  last: z.boolean(),
})
export type LostTail = z.infer<typeof lostTail>

/**
 * New leader -> Master: all records that it sent are durable again, at this envelope's position or before.
 */
export const tailTaken = z.object({ type: z.literal('TailTaken') })
export type TailTaken = z.infer<typeof tailTaken>

/** Stopping leader -> the STANDBY that it chose: the lock is free, take it (protocol 13). */
export const handOver = z.object({ type: z.literal('HandOver') })
export type HandOver = z.infer<typeof handOver>

/** Stopping leader -> the other STANDBYs: wait, `to` is taking over. */
export const released = z.object({ type: z.literal('Released'), to: masterAddress })
export type Released = z.infer<typeof released>

/**
 * Worker -> each Master that does not lead, on each new link and when the link to the leader ends: the
 * highest leadership that it obeyed. A position above the stored one tells a candidate that the store lost
 * its last writes (protocol 5.3).
 */
export const positionSeen = z.object({
  type: z.literal('PositionSeen'),
  position,
  owner: name,
})
export type PositionSeen = z.infer<typeof positionSeen>
