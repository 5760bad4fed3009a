import { connect, createServer, type Server } from 'node:net'
import { HALF_OPEN, type NetworkFault, ProxyPair } from './proxy-pair.js'

export interface TcpProxyOptions {
  /** Rewrites the bytes to the dialers. */
  readonly rewriteAnswers?: (chunk: Buffer) => Buffer
}

/**
 * The route of one process to a server on the loopback. A test may cut it, also in one direction, or slow it
 * down.
 */
export class TcpProxy {
  readonly #server: Server
  readonly #pairs = new Set<ProxyPair>()
  #fault: NetworkFault | undefined

  private constructor(target: number, { rewriteAnswers }: TcpProxyOptions) {
    this.#server = createServer(HALF_OPEN, (outer) => {
      if (this.#fault?.kind === 'closed') {
        outer.destroy()
        return
      }
      const pair = new ProxyPair(outer, connect({ port: target, host: '127.0.0.1', ...HALF_OPEN }), {
        ...(rewriteAnswers && { rewriteAnswers }),
        onGone: () => this.#pairs.delete(pair),
      })
      this.#pairs.add(pair)
      if (this.#fault) pair.suffer(this.#fault)
    })
  }

  /** `target`: port of the server. */
  static async start(target: number, options: TcpProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, options)
    const server = proxy.#server.listen(0, '127.0.0.1')
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Bytes that were sent and have not arrived. */
  get waitingRequests(): string {
    return [...this.#pairs].map((pair) => pair.waitingRequests).join('')
  }

  /** Applies a fault to open and new connections until `heal`. */
  suffer(fault: NetworkFault): void {
    this.#fault = fault
    for (const pair of [...this.#pairs]) pair.suffer(fault)
  }

  /**
   * Held bytes arrive now, also from dialers that have given up. Returns how many bytes of requests arrive
   * late.
   */
  heal(): number {
    this.#fault = undefined
    return [...this.#pairs].reduce((sum, pair) => sum + pair.heal(), 0)
  }

  stop(): void {
    this.#server.close()
    for (const pair of [...this.#pairs]) pair.end()
  }
}
