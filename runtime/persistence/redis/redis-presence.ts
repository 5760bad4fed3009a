import { FiresteelError } from '../../errors.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { ClusterKeys } from './keys.js'

export interface RedisPresenceOptions {
  /** Subscribes. Nothing else is sent on it, so that it lives as long as the process. */
  readonly subscription: RedisConnection
  /** Counts the subscribers. */
  readonly data: RedisConnection
  readonly keys: ClusterKeys
  /** How often the subscription checks that its server still answers. */
  readonly pingMs: number
}

/**
 * Tells which owners have a connection to the data store (protocol 5): each has a channel, counted by PUBSUB
 * NUMSUB.
 */
export class RedisPresence {
  readonly #options: RedisPresenceOptions
  readonly #joined = new Set<string>()
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #ping: NodeJS.Timeout
  readonly #stopListening: () => void
  #closed = false

  constructor(options: RedisPresenceOptions) {
    this.#options = options
    this.#stopListening = options.subscription.onReady(() => {
      for (const owner of this.#joined) void this.#subscribe(owner)
    })
    // A half-open link would count us as gone, or as present, for ever. An unanswered ping makes the
    // connection dial anew.
    this.#ping = setInterval(
      () => void options.subscription.call('PING').catch(() => undefined),
      options.pingMs,
    )
    this.#ping.unref()
  }

  /**
   * Resolves once others count us, which may take as long as the store is away. Rejects only after `close`.
   */
  join(owner: string): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    this.#joined.add(owner)
    const joined = new Promise<void>((resolve) => {
      this.#waiting.set(owner, [...(this.#waiting.get(owner) ?? []), resolve])
    })
    void this.#subscribe(owner)
    return joined
  }

  async leave(owner: string): Promise<void> {
    this.#joined.delete(owner)
    this.#wake(owner)
    // Without a connection the server does not count us any more.
    await this.#options.subscription
      .call('UNSUBSCRIBE', this.#options.keys.alive(owner))
      .catch(() => undefined)
  }

  async count(owner: string): Promise<number> {
    const { data, keys } = this.#options
    try {
      const reply = (await data.call('PUBSUB', 'NUMSUB', keys.alive(owner))) as [string, number]
      return Number(reply[1])
    } catch (error) {
      const message = `Redis does not say who is present: ${(error as Error).message}`
      throw new FiresteelError('STORE_UNAVAILABLE', message, { place: data.label, cause: error })
    }
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#ping)
    this.#stopListening()
    for (const owner of [...this.#waiting.keys()]) this.#wake(owner)
  }

  async #subscribe(owner: string): Promise<void> {
    const { subscription, keys } = this.#options
    try {
      await subscription.call('SUBSCRIBE', keys.alive(owner))
      if (this.#joined.has(owner)) this.#wake(owner)
      else await subscription.call('UNSUBSCRIBE', keys.alive(owner))
    } catch {
      // A new connection subscribes again. A connection that was only slow must be asked once more.
      const again = setTimeout(() => {
        if (!this.#closed && this.#waiting.has(owner)) void this.#subscribe(owner)
      }, this.#options.pingMs)
      again.unref()
    }
  }

  #wake(owner: string): void {
    for (const resolve of this.#waiting.get(owner) ?? []) resolve()
    this.#waiting.delete(owner)
  }
}

function closedError(): FiresteelError {
  return new FiresteelError('STORE_UNAVAILABLE', 'The connections to Redis are closed.')
}
