import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../harness/free-port.js'
import { HALF_OPEN, type NetworkFault, ProxyPair } from '../harness/proxy-pair.js'

/*
 * How a link is cut between some processes of one machine and not between others: each Master listens on
 * 127.0.0.1 and advertises another address of the loopback, where a proxy stands. The first bytes of a link
 * name who dials.
 */

interface Dialled {
  readonly pair: ProxyPair
  /** Incarnation of who dials, such as `w1-...`; '' until it has said so. */
  dialer: string
}

interface Suffering {
  readonly dialers: RegExp
  readonly fault: NetworkFault
}

/** What stands before one Master. */
export class LinkProxy {
  /** Of the Master in the deployment file. */
  readonly place: Readonly<Record<string, string | number>>
  readonly #links = new Set<Dialled>()
  readonly #servers: Server[] = []
  #suffering: Suffering | undefined
  #listener: Server | undefined

  private constructor(place: Readonly<Record<string, string | number>>) {
    this.place = place
  }

  static async start(advertise: string): Promise<LinkProxy> {
    const [port, web] = [await freePort(), await freePort()]
    const proxy = new LinkProxy({ host: '127.0.0.1', port, web, advertise })
    await proxy.#listen(web, false)
    await proxy.open()
    return proxy
  }

  /**
   * Ends the links that these have dialled, as the end of a process would, and each that they dial from now
   * on.
   */
  cut(dialers: RegExp): void {
    this.suffer(dialers, { kind: 'closed' })
  }

  /**
   * Links that these have dialled, and those that they dial, suffer it until `heal`; of two the later one
   * counts.
   */
  suffer(dialers: RegExp, fault: NetworkFault): void {
    this.#suffering = { dialers, fault }
    for (const { dialer, pair } of [...this.#links]) if (dialers.test(dialer)) pair.suffer(fault)
  }

  /** What was held arrives now. */
  heal(): void {
    this.#suffering = undefined
    for (const { pair } of [...this.#links]) pair.heal()
  }

  /** The kernel refuses whoever dials from now on; links that stand live on. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    // Resolves only when the last link has ended; no new one is accepted from here on.
    listener?.close()
  }

  async open(): Promise<void> {
    this.#listener ??= await this.#listen(Number(this.place.port), true)
  }

  stop(): void {
    for (const server of this.#servers) server.close()
    for (const { pair } of [...this.#links]) pair.end()
  }

  async #listen(port: number, isListener: boolean): Promise<Server> {
    const server = createServer(HALF_OPEN, (outer) => this.#accept(outer, port, isListener))
    server.listen(port, String(this.place.advertise))
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
    this.#servers.push(server)
    return server
  }

  #accept(outer: Socket, port: number, isListener: boolean): void {
    const link: Dialled = {
      dialer: '',
      pair: new ProxyPair(outer, connect({ port, host: String(this.place.host), ...HALF_OPEN }), {
        onFirst: (chunk) => {
          if (isListener) this.#says(link, chunk)
        },
        onGone: () => this.#links.delete(link),
      }),
    }
    this.#links.add(link)
  }

  #says(link: Dialled, chunk: Buffer): void {
    link.dialer = /"incarnation":"([^"]*)"/.exec(chunk.toString('latin1'))?.[1] ?? ''
    const { dialers, fault } = this.#suffering ?? {}
    if (fault && dialers?.test(link.dialer)) link.pair.suffer(fault)
  }
}
