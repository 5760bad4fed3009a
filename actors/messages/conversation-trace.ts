import { innerLimits } from '../../runtime/inner-limits.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { TraceRing } from '../../runtime/trace/ring.js'
import type { Hello, TraceOrigin } from './task-entries.js'

/*
 * The conversation of a driver and an executor as traces show it. Its frames are no envelopes, so each end
 * writes down what it says and hears. What both write down has the same id at both, counted from that of the
 * hello; what only the executor writes down, such as batches of tasks, has its own.
 */

/** How far the id of what both ends write down is from that of the hello; those of `others` begin there. */
export const sharedIds = {
  hello: 0,
  welcome: 1,
  refused: 2,
  exit: 3,
  ending: 4,
  linkEnd: 5,
  others: 8,
} as const

type Fields = Readonly<Record<string, unknown>>

/** Path of an executor: each process of a machine has another name, and none listens. */
export const executorPath = (
  cluster: string,
  appId: string,
  { host, execId }: Pick<Hello, 'host' | 'execId'>,
) => `firesteel://${cluster}@${host}/user/${appId}/${execId}`

export interface ConversationParts {
  readonly ring: TraceRing
  readonly wallMs: () => number
  readonly origin: TraceOrigin
  readonly appId: string
  readonly execId: number
  /** Paths of this end and of the other. */
  readonly own: string
  readonly other: string
  /** Incarnation of the other end. */
  readonly peer: string | undefined
}

/** Many frames of one kind, as one message. Its counts grow until it is full. */
interface Batch {
  readonly message: { readonly type: string; tasks: number; frames: number; untilMs: number }
  readonly fromMs: number
}

/** One end of the conversation over one link. It costs a few numbers for each frame, however many come. */
export class ConversationTrace {
  readonly #parts: ConversationParts
  readonly #batches = new Map<string, Batch>()
  #ownIds: number = sharedIds.others

  constructor(parts: ConversationParts) {
    this.#parts = parts
  }

  /** This end said it. `shared`: the other end writes it down too. */
  told(type: string, fields: Fields, shared?: number): void {
    const { own, other } = this.#parts
    this.#record(own, other, { type, ...fields }, shared)
  }

  heard(type: string, fields: Fields, shared?: number): void {
    const { own, other } = this.#parts
    this.#record(other, own, { type, ...fields }, shared)
  }

  /** It happened at this end. */
  happened(type: string, fields: Fields, shared?: number): void {
    const { own } = this.#parts
    this.#record(own, own, { type, ...fields }, shared)
  }

  toldTasks(type: string, tasks: number): void {
    const { own, other } = this.#parts
    this.#count(own, other, type, tasks)
  }

  heardTasks(type: string, tasks: number): void {
    const { own, other } = this.#parts
    this.#count(other, own, type, tasks)
  }

  #count(from: string, to: string, type: string, tasks: number): void {
    const nowMs = this.#parts.wallMs()
    const open = this.#batches.get(type)
    if (
      open !== undefined &&
      open.message.frames < innerLimits.tracedBatchFrames &&
      nowMs - open.fromMs < innerLimits.tracedBatchMs
    ) {
      open.message.tasks += tasks
      open.message.frames++
      open.message.untilMs = nowMs
      return
    }
    const { appId, execId } = this.#parts
    const message = { type, appId, execId, tasks, frames: 1, untilMs: nowMs }
    this.#batches.set(type, { message, fromMs: nowMs })
    this.#record(from, to, message)
  }

  #record(from: string, to: string, message: Fields & { readonly type: string }, shared?: number): void {
    const { ring, wallMs, origin, appId, execId, own, other, peer } = this.#parts
    const id = origin.id + (shared ?? this.#ownIds++)
    const parent = id === origin.id ? origin.parent : origin.id
    const envelope: Envelope = {
      id,
      trace: origin.trace,
      ...(parent !== undefined && { parent }),
      from,
      to,
      message: 'appId' in message ? message : { ...message, appId, execId },
      epoch: 0,
      ...(from === other && from !== own && { sink: { path: other, ...named(peer), send: () => false } }),
    }
    ring.record(envelope, wallMs())
  }
}

const named = (incarnation: string | undefined) => (incarnation === undefined ? {} : { incarnation })
