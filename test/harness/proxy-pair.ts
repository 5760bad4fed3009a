import type { Socket } from 'node:net'
import { type DirectionOptions, ProxyDirection } from './proxy-direction.js'

/**
 * What a network does to a connection. `requests`: bytes of the dialer do not arrive; `answers`: bytes to the
 * dialer do not arrive; `silent`: neither; `closed`: it ends, and so does each new one; `slow`: each
 * direction takes so long.
 */
export type NetworkFault =
  | { readonly kind: 'requests' | 'answers' | 'silent' | 'closed' }
  | { readonly kind: 'slow'; readonly delayMs: number }

/** For both sockets: the end of one side is passed on when it is due, not answered at once. */
export const HALF_OPEN = { allowHalfOpen: true } as const

export interface PairOptions extends Pick<DirectionOptions, 'onFirst'> {
  /** Rewrites the bytes to the dialer. */
  readonly rewriteAnswers?: DirectionOptions['rewrite']
  /** Both sockets are gone. */
  readonly onGone: () => void
}

/** A connection from a dialer, and the one that the proxy opened for it. */
export class ProxyPair {
  readonly #outer: Socket
  readonly #inner: Socket
  readonly #requests: ProxyDirection
  readonly #answers: ProxyDirection

  constructor(outer: Socket, inner: Socket, { onFirst, rewriteAnswers, onGone }: PairOptions) {
    this.#outer = outer
    this.#inner = inner
    let open = 2
    for (const socket of [outer, inner]) {
      socket.setNoDelay(true)
      // What breaks is closed as well.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        open--
        if (open === 0) onGone()
      })
    }
    this.#requests = new ProxyDirection(outer, inner, onFirst && { onFirst })
    this.#answers = new ProxyDirection(inner, outer, { rewrite: rewriteAnswers })
  }

  /** Bytes of the dialer that have not arrived yet. */
  get waitingRequests(): string {
    return this.#requests.waiting
  }

  suffer(fault: NetworkFault): void {
    const { kind } = fault
    if (kind === 'closed') this.end()
    if (kind === 'requests' || kind === 'silent') this.#requests.hold()
    if (kind === 'answers' || kind === 'silent') this.#answers.hold()
    if (kind === 'slow')
      for (const direction of [this.#requests, this.#answers]) direction.delay(fault.delayMs)
  }

  /** Passes on what waited. Returns how many bytes of requests arrive late. */
  heal(): number {
    this.#answers.release()
    return this.#requests.release()
  }

  /** Ends the connection as the end of both processes would. */
  end(): void {
    for (const direction of [this.#requests, this.#answers]) direction.drop()
    this.#outer.destroy()
    this.#inner.destroy()
  }
}
