import type { Socket } from 'node:net'
import { type CommitQueueOptions, ProxyDirection } from './proxy-direction.js'

/**
 * What a network does to a connection. `requests`: what the dialler says does not arrive; `answers`: what it is told
 * does not; `silent`: neither; `closed`: it ends, and so does each new one; `slow`: each way takes so long.
 */
export type NetworkFault =
  | { readonly kind: 'requests' | 'answers' | 'silent' | 'closed' }
  | { readonly kind: 'slow'; readonly delayMs: number }

/** Of both sockets: the end of one side is passed on when it is due, not answered at once. */
export const HALF_OPEN = { allowHalfOpen: true } as const

export interface PairOptions extends Pick<CommitQueueOptions, 'onFirst'> {
  /** Of what the dialler is told. */
  readonly rewriteAnswers?: CommitQueueOptions['rewrite']
  /** Both sockets are gone. */
  readonly onGone: () => void
}

/** A connection that somebody dialled, and the one that the proxy dialled for it. */
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

  /** What the dialler said and nobody has heard yet. */
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

  /** What waited goes on now. Gives how many bytes of requests arrive late. */
  heal(): number {
    this.#answers.release()
    return this.#requests.release()
  }

  /** As the end of both processes would. */
  end(): void {
    for (const direction of [this.#requests, this.#answers]) direction.drop()
    this.#outer.destroy()
    this.#inner.destroy()
  }
}
