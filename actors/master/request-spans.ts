import type { Cause, Envelope } from '../../runtime/system/envelope.js'
import { attributes as names, spanNames, systemName } from '../../runtime/telemetry/names.js'
import type { NodeSpan, NodeSpans } from '../../runtime/telemetry/node-spans.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Pending } from './open-commit-queue.js'

interface Request {
  readonly span: NodeSpan
  /** From the decision until it is durable. */
  persist: NodeSpan | undefined
}

const spanOf: Partial<Record<MasterMessage['type'], string>> = {
  RequestSubmitDriver: spanNames.submitDriver,
  RegisterApplication: spanNames.registerApplication,
}

/**
 * The spans of what begins work: submissions and registrations. A span ends when the answer leaves, and what
 * is written for it has a span of its own within.
 */
export class RequestSpans {
  readonly #spans: NodeSpans
  readonly #epoch: () => number
  /** By the id of the message. */
  readonly #open = new Map<number, Request>()

  constructor(spans: NodeSpans, epoch: () => number) {
    this.#spans = spans
    this.#epoch = epoch
  }

  /** The span that a message's work belongs to; undefined: messages of this type have none. */
  begin(message: MasterMessage, envelope: Envelope): TraceContext | undefined {
    const name = spanOf[message.type]
    if (name === undefined) return undefined
    const span = this.#spans.start({
      name,
      kind: 'server',
      parent: envelope.context,
      attributes: {
        [names.rpcSystem]: systemName,
        [names.rpcMethod]: name,
        [names.epoch]: this.#epoch(),
        ...describe(message),
      },
    })
    this.#open.set(envelope.id, { span, persist: undefined })
    return span.context
  }

  /** The step for this message is over, and what it decided waits for the store. */
  decided({ id }: Cause, effects: number, writes: number): void {
    const request = this.#open.get(id)
    if (request === undefined) return
    // It was answered at once, or it was refused without an answer.
    if (effects === 0) this.#end(id, request)
    else if (writes > 0) {
      const { context } = request.span
      request.persist = this.#spans.start({
        name: spanNames.persist,
        kind: 'internal',
        parent: context,
        attributes: { [names.writes]: writes },
      })
    }
  }

  /** An effect leaves: all that was written for it is durable. The first message is the answer. */
  released(effect: Pending['effect'], { id }: Cause): void {
    const request = this.#open.get(id)
    if (request === undefined) return
    request.persist?.end()
    if (!('message' in effect)) return
    const { driverId, appId, code } = effect.message as Partial<Record<string, unknown>>
    if (typeof driverId === 'string') request.span.set({ [names.driverId]: driverId })
    if (typeof appId === 'string') request.span.set({ [names.applicationId]: appId })
    this.#end(id, request, typeof code === 'string' ? code : undefined)
  }

  /** The leadership is over, and what waited for the store has no known outcome. */
  abandoned(reason: string): void {
    for (const [id, request] of this.#open) {
      request.persist?.end({ type: 'revoked', message: reason })
      this.#end(id, request, 'revoked')
    }
  }

  #end(id: number, { span }: Request, failure?: string): void {
    this.#open.delete(id)
    span.end(failure === undefined ? undefined : { type: failure, message: failure })
  }
}

function describe(message: MasterMessage): Record<string, string> {
  if (message.type === 'RequestSubmitDriver') return { [names.driverName]: message.description.name }
  if (message.type === 'RegisterApplication') return { [names.applicationName]: message.description.name }
  return {}
}
