import { randomInt } from 'node:crypto'
import { reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { TraceBatch, TraceQuery } from '../../runtime/trace/record.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { invalid } from '../messages/bytes.js'
import { ConversationTrace, executorPath, sharedIds } from '../messages/conversation-trace.js'
import type { TraceOrigin } from '../messages/task-entries.js'
import type { ExecutorBoot } from './boot.js'

/** Room for all ids of a conversation is left above it. */
const newId = (): number => randomInt(2 ** 47)

/**
 * What an executor remembers of its conversation with its driver: its start, each link, the functions and the
 * batches of tasks that came, the results that went. Its driver asks for it.
 */
export class ExecutorTrace {
  readonly incarnation: string
  readonly #ring = new TraceRing(innerLimits.executorTraceRing)
  readonly #boot: ExecutorBoot
  readonly #wallMs: () => number
  readonly #startedId = newId()
  readonly #trace: number
  #conversation: ConversationTrace

  constructor(boot: ExecutorBoot, incarnation: string, wallMs: () => number = Date.now) {
    const { id, trace } = boot.cause ?? {}
    this.#boot = boot
    this.incarnation = incarnation
    this.#wallMs = wallMs
    this.#trace = trace ?? this.#startedId
    const parent = id === undefined ? {} : { parent: id }
    this.#conversation = this.#with({ id: this.#startedId, trace: this.#trace, ...parent }, undefined)
    this.#conversation.happened('ExecutorStarted', { pid: process.pid, cores: boot.cores }, sharedIds.hello)
  }

  /** Of the newest link. */
  get conversation(): ConversationTrace {
    return this.#conversation
  }

  /** A new link to the driver. The hello tells it where the conversation stands in traces. */
  linked(peer: string | undefined): TraceOrigin {
    const origin = { id: newId(), trace: this.#trace, parent: this.#startedId }
    this.#conversation = this.#with(origin, peer)
    this.#conversation.told('ExecutorHello', {}, sharedIds.hello)
    return origin
  }

  read(query: TraceQuery): TraceBatch {
    return this.#ring.read(query, this.#wallMs())
  }

  #with(origin: TraceOrigin, peer: string | undefined): ConversationTrace {
    const { cluster, driver, appId, execId, host } = this.#boot
    return new ConversationTrace({
      ring: this.#ring,
      wallMs: this.#wallMs,
      origin,
      appId,
      execId,
      own: executorPath(cluster, appId, { host, execId }),
      other: `firesteel://${cluster}@${driver}/user/ClientEndpoint`,
      peer,
    })
  }
}

/** Answers the question of a trace, which is JSON. Throws FRAME_INVALID. */
export function answerTo(question: string, trace: ExecutorTrace | undefined): object {
  if (trace === undefined) return { entries: [], next: 0, more: false, dropped: 0, nowMs: Date.now() }
  try {
    return { ...trace.read(JSON.parse(question) as TraceQuery), incarnation: trace.incarnation }
  } catch (error) {
    throw invalid(`it asks for no trace: ${reasonOf(error)}`)
  }
}
