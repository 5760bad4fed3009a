import { innerLimits } from '../../runtime/inner-limits.js'
import type { FromApplication } from '../messages/catalogue.js'

export type Order =
  | { readonly kind: 'target'; readonly request: number }
  | { readonly kind: 'kill'; readonly execIds: readonly number[] }

const KILLS_PER_MESSAGE = innerLimits.killsPerMessage

/**
 * What an application wants of whichever Master leads: a total of executors, and the end of some. Each order is out
 * at most once, and is given anew to every new leader.
 */
export class StandingOrders {
  #request = -1
  #total: number | undefined
  /** Newest number that a Master has answered under the present leadership. */
  #acknowledged = -1
  readonly #waiters: { readonly request: number; readonly waiter: number }[] = []
  readonly #out = new Map<number, Order>()
  /** Asked of the present leader. */
  readonly #killsAsked = new Set<number>()
  #asks = 0

  /** Number and total of the newest request, for MasterChangeAcknowledged. */
  get target(): { request: number; total: number } | undefined {
    return this.#total === undefined ? undefined : { request: this.#request, total: this.#total }
  }

  /** `waiter` is settled with the answer to this request or a later one. */
  want(total: number, waiter: number): void {
    this.#request++
    this.#total = total
    this.#waiters.push({ request: this.#request, waiter })
  }

  /** Another leader, or the same on another link: what was asked may never have arrived. */
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

  /** The order of an ask; undefined where it was forgotten. */
  answered(ask: number): Order | undefined {
    const order = this.#out.get(ask)
    this.#out.delete(ask)
    return order
  }

  /** It was not done: `due` gives it again. */
  again(order: Order): void {
    if (order.kind === 'kill') for (const execId of order.execIds) this.#killsAsked.delete(execId)
  }

  /** The target is known to the leader. Gives the waiters that this answers. */
  settle(request: number): number[] {
    this.#acknowledged = Math.max(this.#acknowledged, request)
    const later = this.#waiters.findIndex((waiting) => waiting.request > request)
    const settled = this.#waiters.splice(0, later < 0 ? this.#waiters.length : later)
    return settled.map(({ waiter }) => waiter)
  }

  #send(order: Order): number {
    const ask = this.#asks++
    this.#out.set(ask, order)
    return ask
  }

  #isOut(kind: Order['kind']): boolean {
    for (const order of this.#out.values()) if (order.kind === kind) return true
    return false
  }
}
