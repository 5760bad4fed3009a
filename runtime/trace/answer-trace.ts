import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import type { ActorSystem } from '../system/actor-system.js'
import type { AskOptions } from '../system/behavior.js'
import type { Envelope } from '../system/envelope.js'
import type { Message } from '../system/ref.js'
import { type Failure, failureOf } from '../system/system-messages.js'
import { peerOf } from '../transport/gateway.js'
import { isNodeRole, type PeerIdentity } from '../transport/identity.js'
import { mayAs, roleOf } from '../transport/token.js'
import type { TraceBatch, TraceQuery } from './record.js'
import type { TraceRing } from './ring.js'

export interface TraceRequest extends TraceQuery, Message {
  /** Incarnation of a peer that is asked for instead of this process. */
  readonly of?: string | undefined
}

export interface TraceAnswer extends TraceBatch, Message {
  readonly type: 'TraceChunk'
}

export interface TraceAnswerParts {
  readonly system: ActorSystem
  readonly clock: Clock
  /** Passes questions on to peers, if there are any. */
  readonly gateway?: {
    ask(incarnation: string, message: Message, options?: AskOptions): Promise<Message>
    link(incarnation: string): { readonly peer: PeerIdentity } | undefined
  }
}

/** What this process remembers of what was asked; nothing if it keeps no ring. */
export function answerTrace(ring: TraceRing | undefined, query: TraceQuery, nowMs: number): TraceAnswer {
  const batch = ring?.read(query, nowMs) ?? { entries: [], next: 0, more: false, dropped: 0, nowMs }
  return { type: 'TraceChunk', ...batch }
}

/**
 * Answers RequestTrace in the shell of a node, beside its core. Only holders of the cluster's own keys get an
 * answer: a trace shows what other users run, and programs in the cluster (role driver) must not see that.
 */
export function serveTrace(parts: TraceAnswerParts, request: TraceRequest, envelope: Envelope): void {
  const { system, clock, gateway } = parts
  const to = system.replyTo(envelope)
  if (!to) return
  const why = refusalOf(peerOf(envelope), request)
  if (why !== undefined) {
    system.answer(to, refusal(why))
    return
  }
  const { of, ...query } = request
  if (of === undefined) {
    system.answer(to, answerTrace(system.ring, query, clock.wallMs()))
    return
  }
  // Nodes are asked directly, so that a Master carries no more than it must.
  const asked = gateway?.link(of)?.peer
  if (!gateway || (asked && isNodeRole(asked.role))) {
    system.answer(to, refusal(`${of} is not asked through this node`))
    return
  }
  gateway.ask(of, query, { timeoutMs: limits.traceAskMs }).then(
    (answer) => system.answer(to, answer),
    (error: unknown) => system.answer(to, failureOf(error)),
  )
}

/** A trace shows what all users run, and its contents the environments and arguments of their programs. */
function refusalOf(
  peer: Pick<PeerIdentity, 'role' | 'subject'> | undefined,
  { payloads }: TraceRequest,
): string | undefined {
  if (peer?.role === 'node') return undefined
  if (peer?.role !== 'client') return `a ${peer?.role} may not ask for traces`
  const role = roleOf(peer.subject)
  if (role === 'submit') return 'a token with the role submit may not ask for traces'
  if (payloads && !mayAs(role, 'operate')) return `the role ${role} may not see the contents of messages`
  return undefined
}

const refusal = (message: string): Failure => ({ type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message })
