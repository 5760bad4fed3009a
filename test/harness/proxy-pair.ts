import type { Socket } from 'node:net'
import { type LaneOptions, ProxyLane } from './proxy-lane.js'

/**
 * What a network does to a connection. `requests`: what the dialler says does not arrive; `answers`: what it is told
 * does not; `silent`: neither; `closed`: it ends, and so does each new one; `slow`: each way takes so long.
 */
export type Trouble =
  | { readonly kind: 'requests' | 'answers' | 'silent' | 'closed' }
  | { readonly kind: 'slow'; readonly delayMs: number }

/** Of both sockets: the end of one side is passed on when it is due, not answered at once. */
export const HALF_OPEN = { allowHalfOpen: true } as const

export interface PairOptions extends Pick<LaneOptions, 'onFirst'> {
  /** Of what the dialler is told. */
  readonly rewriteAnswers?: LaneOptions['rewrite']
  /** Both sockets are gone. */
  readonly onGone: () => void
}

/** A connection that somebody dialled, and the one that the proxy dialled for it. */
export class ProxyPair {
  readonly #outer: Socket
  readonly #inner: Socket
  readonly #requests: ProxyLane
  readonly #answers: ProxyLane

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
    this.#requests = new ProxyLane(outer, inner, onFirst && { onFirst })
    this.#answers = new ProxyLane(inner, outer, { rewrite: rewriteAnswers })
  }

  /** What the dialler said and nobody has heard yet. */
  get waitingRequests(): string {
    return this.#requests.waiting
  }

  suffer(trouble: Trouble): void {
    const { kind } = trouble
    if (kind === 'closed') this.end()
    if (kind === 'requests' || kind === 'silent') this.#requests.hold()
    if (kind === 'answers' || kind === 'silent') this.#answers.hold()
    if (kind === 'slow') for (const lane of [this.#requests, this.#answers]) lane.delay(trouble.delayMs)
  }

  /** What waited goes on now. Gives how many bytes of requests arrive late. */
  heal(): number {
    this.#answers.release()
    return this.#requests.release()
  }

  /** As the end of both processes would. */
  end(): void {
    for (const lane of [this.#requests, this.#answers]) lane.drop()
    this.#outer.destroy()
    this.#inner.destroy()
  }
}
