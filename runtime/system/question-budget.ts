import { limits } from '../limits.js'
import type { Envelope, Sink } from './envelope.js'

export interface QuestionBudgetLimits {
  readonly openQuestions: number
  readonly openQuestionBytes: number
  readonly openQuestionBytesEach: number
  readonly openQuestionBytesSure: number
}

/** What the open questions of one link hold. */
interface Share {
  readonly tokens: Set<number>
  bytes: number
}

const none: ReadonlySet<number> = new Set()

/**
 * The budget of the questions from links that wait for their answer. Each counts for what is kept of it. A
 * link with little always gets in. What is above that comes from a budget that nodes and all others have each
 * of their own. A link has at most as much of it as is left, so that no link takes all.
 */
export class QuestionBudget {
  readonly #limits: QuestionBudgetLimits
  readonly #shares = new Map<Sink, Share>()
  readonly #used = { nodes: 0, others: 0 }

  constructor(most: QuestionBudgetLimits = limits) {
    this.#limits = most
  }

  /** Bytes of all open questions from links. */
  get bytes(): number {
    return this.#used.nodes + this.#used.others
  }

  /** False: this link may not have one more question open now. */
  take(sink: Sink, token: number, bytes: number): boolean {
    const { openQuestions, openQuestionBytes, openQuestionBytesSure } = this.#limits
    const share = this.#shares.get(sink) ?? { tokens: new Set<number>(), bytes: 0 }
    const own = share.bytes + bytes
    const kind = kindOf(sink)
    if (share.tokens.size >= openQuestions) return false
    if (own > openQuestionBytesSure && own > openQuestionBytes - this.#used[kind]) return false
    this.#shares.set(sink, share)
    share.tokens.add(token)
    share.bytes = own
    this.#used[kind] += bytes
    return true
  }

  give(sink: Sink, token: number, bytes: number): void {
    const share = this.#shares.get(sink)
    if (!share?.tokens.delete(token)) return
    share.bytes -= bytes
    this.#used[kindOf(sink)] -= bytes
    if (share.tokens.size === 0) this.#shares.delete(sink)
  }

  /** The open questions of one link. */
  of(sink: Sink): ReadonlySet<number> {
    return this.#shares.get(sink)?.tokens ?? none
  }

  /** What counts for a question: the texts of its peer, as the heap may hold them, and what holds them. */
  bytesOf({ from, ask = '', message, context }: Envelope): number {
    const texts = from.length + ask.length + message.type.length + (context?.tracestate?.length ?? 0)
    return this.#limits.openQuestionBytesEach + 2 * texts
  }
}

const kindOf = ({ isNode = false }: Sink): 'nodes' | 'others' => (isNode ? 'nodes' : 'others')
