import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, name, positive, text } from './common.js'

/*
 * The launcher of each machine (`up`) holds a link to every Master, with the key of nodes and the subject
 * `launcher` (protocol 15). The leader passes orders on to it. An order has an id that its sender chose: it
 * may be sent any number of times, through any leader, and is done once.
 */

const fileText = z.string().max(limits.deploymentChars)
const roles = ['master', 'worker'] as const

const launchedNode = z.object({ name, role: z.enum(roles), host: name })

/** Launcher -> Master, to each new leader and whenever this changes. */
export const registerLauncher = z.object({
  type: z.literal('RegisterLauncher'),
  /** Its incarnation. */
  id: name,
  /** Name of its machine. */
  host: name,
  release: name,
  nodes: z.array(launchedNode).max(limits.launcherNodes),
})
export type RegisterLauncher = z.infer<typeof registerLauncher>

/** What a launcher is to do. */
export const launcherOrder = z.discriminatedUnion('kind', [
  /**
   * One of its nodes restarts: a Worker as announced, so that its work lives on; a Master hands over. Done
   * when the next process is ready.
   */
  z.object({
    kind: z.literal('restart'),
    node: name,
    /** The folder of a package of Firesteel on its machine: the next process is of that release. */
    folder: text.optional(),
  }),
  /** What would this file change here? The answer has the differences, the steps, and the present file. */
  z.object({ kind: z.literal('plan'), text: fileText }),
  /** These nodes become what the file says, one after the other. */
  z.object({
    kind: z.literal('take'),
    deployment: positive,
    text: fileText,
    nodes: z.array(name).max(limits.launcherNodes),
    /** How long Workers that go may drain; absent: as each of them says. */
    drainMs: count.max(limits.drainDeadlineMostMs).optional(),
  }),
  /** All of its nodes are what the file says: the launcher's file is this one from now on. */
  z.object({ kind: z.literal('adopt'), deployment: positive, text: fileText }),
])
export type LauncherOrder = z.infer<typeof launcherOrder>

/** Any holder of the client's key -> Master. The answer is how the order stands; ask again until it ended. */
export const requestLauncherOrder = z.object({
  type: z.literal('RequestLauncherOrder'),
  launcher: name,
  /** The order's own id: the same id is the same order. */
  id: name,
  order: launcherOrder,
})
export type RequestLauncherOrder = z.infer<typeof requestLauncherOrder>

export const orderStates = ['SENT', 'RUNNING', 'DONE', 'FAILED'] as const

const orderStanding = {
  id: name,
  state: z.enum(orderStates),
  /** What it does now, or why it failed. */
  message: text,
  /** With FAILED: the code of the error. */
  code: name.optional(),
  /** With DONE: JSON, where the order asks for something. */
  result: z.string().max(innerLimits.orderResultChars).optional(),
}

export const launcherOrderState = z.object({
  type: z.literal('LauncherOrderState'),
  launcher: name,
  ...orderStanding,
})
export type LauncherOrderState = z.infer<typeof launcherOrderState>

/** Master -> launcher. */
export const orderLauncher = z.object({ type: z.literal('OrderLauncher'), id: name, order: launcherOrder })
export type OrderLauncher = z.infer<typeof orderLauncher>

/** Launcher -> Master: how an order stands. */
export const launcherOrderChanged = z.object({
  type: z.literal('LauncherOrderChanged'),
  launcher: name,
  ...orderStanding,
})
export type LauncherOrderChanged = z.infer<typeof launcherOrderChanged>

/** Any holder of the client's key -> Master. The answer is one page. */
export const requestLaunchers = z.object({
  type: z.literal('RequestLaunchers'),
  /** `next` of the page before, or `FIRST_LAUNCHERS`. Absent, of an earlier release: all of them at once. */
  after: z
    .string()
    .regex(/^\d{1,16}:\d{1,16}$/, 'must be `next` of a page')
    .optional(),
})
export type RequestLaunchers = z.infer<typeof requestLaunchers>

/** Of no leadership: a leader answers the cursor of another leadership with its first page. */
export const FIRST_LAUNCHERS = '0:0'

export const launchersResponse = z.object({
  type: z.literal('LaunchersResponse'),
  launchers: z.array(registerLauncher.omit({ type: true })).max(limits.launchers),
  /** Since its election. Soon after that, launchers may still dial it. Absent: an earlier release. */
  leaderForMs: count.optional(),
  /** Of which leadership this is. Absent: an earlier release, which knows no pages. */
  epoch: count.optional(),
  /** Where the next page begins; absent: this is the last one. */
  next: z.string().max(64).optional(),
})
export type LaunchersResponse = z.infer<typeof launchersResponse>
