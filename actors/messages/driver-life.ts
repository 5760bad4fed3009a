import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, name, positive, wallTime } from './common.js'

/*
 * What is known of the starts and ends of a driver's processes. They are values; `status` makes text of them.
 */

const outOfMemory = z.object({
  by: z.enum(['limit', 'heap', 'kernel']),
  limitMib: positive,
  usedMib: positive.optional(),
})
export type OutOfMemory = z.infer<typeof outOfMemory>

/** How one process of a driver ended. */
export const driverExit = z.object({
  atMs: wallTime,
  generation: positive,
  attempt: positive,
  code: z.int().nullable(),
  signal: name.nullable(),
  /**
   * Set if it ran out of memory. `limit`: its Worker killed it, because it used more than it was given.
   * `heap`: the heap of Node was full. `kernel`: the kernel killed it. Absent: whatever ended it was
   * something else, such as a `kill` by hand.
   */
  outOfMemory: outOfMemory.optional(),
  /** True: SIGKILL, and its Worker cannot read whether the kernel sent it for lack of memory. */
  killerUnknown: z.boolean().optional(),
  /** True: its Worker had told it to end, for a restart or for good. */
  told: z.boolean().optional(),
  /** Why its Worker ended it, where that is a failure of the driver: its timeout, its health check. */
  cut: z.string().max(limits.driverEventChars).optional(),
})
export type DriverExit = z.infer<typeof driverExit>

/** What outlives a process of a driver. Its Worker counts, and hands it on with each report. */
export const driverLife = z.object({
  /** Processes that were started for it, over all generations. */
  starts: count,
  /** When it failed by itself, oldest first. Only what `maxRestarts` needs is kept. */
  failedAtMs: z.array(wallTime).max(limits.maxRestarts),
  lastExit: driverExit.optional(),
})
export type DriverLife = z.infer<typeof driverLife>

export const newLife: DriverLife = { starts: 0, failedAtMs: [] }

/** How a driver fares on its Worker now. */
export const driverProgress = z.object({
  /** `resting`: between two attempts. `stopping`: it was told to end. */
  phase: z.enum(['held', 'starting', 'running', 'resting', 'stopping']),
  pid: positive.optional(),
  /** Set while it rests. */
  nextStartAtMs: wallTime.optional(),
  /** Only where the driver has a `readiness`: whether its process can be relied on. */
  ready: z.boolean().optional(),
  life: driverLife,
})
export type DriverProgress = z.infer<typeof driverProgress>

/** Something that happened to a driver, for people. */
export const driverEvent = z.object({
  atMs: wallTime,
  text: z.string().max(limits.driverEventChars),
  /** The leadership under which it was noted. */
  epoch: positive.optional(),
})
export type DriverEvent = z.infer<typeof driverEvent>

/** How often it was started again. */
export const restartsOf = ({ starts }: DriverLife): number => Math.max(0, starts - 1)
