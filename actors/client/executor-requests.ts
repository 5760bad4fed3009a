import { innerLimits } from '../../runtime/inner-limits.js'
import type { FromApplication } from '../messages/catalogue.js'

export type SentRequest =
  | { readonly kind: 'target'; readonly request: number }
  | { readonly kind: 'kill'; readonly execIds: readonly number[] }

/** The most ids in one message. */
const KILLS_PER_MESSAGE = innerLimits.killsPerMessage

/**
 * What an application wants from the leader: a total of executors, and the end of some. Each request is under
 * way at most once, and is sent anew to every new leader.
 */
export class ExecutorRequests {
  #request = -1
  #total: number | undefined
  /** The highest number that the present leader has answered. */
  #acknowledged = -1
  readonly #waiters: { readonly request: number; readonly waiter: number }[] = []
  readonly #out = new Map<number, SentRequest>()
  /** Executors whose end was asked of the present leader. */
  readonly #killsAsked = new Set<number>()
  #asks = 0

  /** Number and total of the newest request, for MasterChangeAcknowledged. */
  get target(): { request: number; total: number } | undefined {
    return this.#total === undefined ? undefined : { request: this.#request, total: this.#total }
  }

  /** `waiter` is settled with the answer to this request or a later one. */
  want(total: number, waiter?: number): void {
    this.#request++
    this.#total = total
    if (waiter !== undefined) this.#waiters.push({ request: this.#request, waiter })
  }

  /** There is another leader, or a new link to it: earlier requests may never have arrived. */
  forget(): void {
    this.#out.clear()
    this.#killsAsked.clear()
    this.#acknowledged = -1
  }

  /** The messages to send now, each with the number of its ask. */
  due(appId: string, killing: readonly number[]): { ask: number; message: FromApplication }[] {
    const messages: { ask: number; message: FromApplication }[] = []
    const { target } = this
    if (target && target.request > this.#acknowledged && !this.#isOut('target')) {
      const ask = this.#send({ kind: 'target', request: target.request })
      messages.push({ ask, message: { type: 'RequestExecutors', appId, ...target } })
    }
    const execIds = killing.filter((execId) => !this.#killsAsked.has(execId)).slice(0, KILLS_PER_MESSAGE)
    if (execIds.length > 0) {
      for (const execId of execIds) this.#killsAsked.add(execId)
      const ask = this.#send({ kind: 'kill', execIds })
      messages.push({ ask, message: { type: 'KillExecutors', appId, execIds } })
    }
    return messages
  }

  /** The request of an ask; undefined: it was forgotten. */
  answered(ask: number): SentRequest | undefined {
    const sent = this.#out.get(ask)
    this.#out.delete(ask)
    return sent
  }

  /** The request was not done, so `due` gives it again. */
  again(sent: SentRequest): void {
    if (sent.kind === 'kill') for (const execId of sent.execIds) this.#killsAsked.delete(execId)
  }

  /** The leader knows the target. Returns the waiters that this answers. */
  settle(request: number): number[] {
    this.#acknowledged = Math.max(this.#acknowledged, request)
    const later = this.#waiters.findIndex((waiting) => waiting.request > request)
    const settled = this.#waiters.splice(0, later < 0 ? this.#waiters.length : later)
    return settled.map(({ waiter }) => waiter)
  }

  #send(sent: SentRequest): number {
    const ask = this.#asks++
    this.#out.set(ask, sent)
    return ask
  }

  #isOut(kind: SentRequest['kind']): boolean {
    for (const sent of this.#out.values()) if (sent.kind === kind) return true
    return false
  }
}
