import type { Clock } from '../../runtime/clock.js'
import { FiresteelError } from '../../runtime/errors.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { Message } from '../../runtime/system/ref.js'
import { failureOf } from '../../runtime/system/system-messages.js'
import { answerTrace } from '../../runtime/trace/answer-trace.js'
import { ConversationTrace, executorPath } from '../messages/conversation-trace.js'
import type { Hello } from '../messages/task-entries.js'
import { type RequestTrace, type TraceChunk, traceChunk } from '../messages/trace.js'
import type { TaskPool } from '../tasks/task-pool-types.js'

export interface EndpointTracesParts {
  readonly system: ActorSystem
  readonly clock: Clock
  readonly cluster: () => string
  readonly appId: () => string
  readonly pool: () => TaskPool | undefined
}

/** What an application tells for traces: its own messages, those to its executors, and what they remember. */
export class EndpointTraces {
  readonly #parts: EndpointTracesParts

  constructor(parts: EndpointTracesParts) {
    this.#parts = parts
  }

  /** Answers RequestTrace, now or when the executor has answered. */
  answer({ executor, ...query }: RequestTrace, envelope: Envelope): void {
    const { system, clock } = this.#parts
    const to = system.replyTo(envelope)
    if (!to) return
    if (executor === undefined) {
      system.answer(to, answerTrace(system.ring, query, clock.wallMs()))
      return
    }
    this.#ask(executor, query).then(
      (chunk: Message) => system.answer(to, chunk),
      (error: unknown) => system.answer(to, failureOf(error)),
    )
  }

  async #ask(execId: number, query: RequestTrace): Promise<TraceChunk> {
    const text = await this.#parts.pool()?.askTrace(execId, JSON.stringify(query))
    if (text === undefined)
      throw new FiresteelError('LINK_CLOSED', 'its driver has no link to it, or it does not answer')
    // The tasks of the executor are code of the user.
    const chunk = traceChunk.safeParse({ type: 'TraceChunk', ...(JSON.parse(text) as object) })
    if (!chunk.success) throw new FiresteelError('LINK_CLOSED', 'it answers what is no trace')
    return chunk.data
  }

  /** The driver's end of a conversation that an executor begins. */
  readonly traceOf = ({ origin, execId, host }: Hello, peer: string | undefined) => {
    const { system, clock, cluster, appId } = this.#parts
    if (!system.ring || !origin) return undefined
    return new ConversationTrace({
      ring: system.ring,
      wallMs: () => clock.wallMs(),
      origin,
      appId: appId(),
      execId,
      own: `firesteel://${cluster()}@client:0/user/ClientEndpoint`,
      other: executorPath(cluster(), appId(), { host, execId }),
      peer,
    })
  }
}
