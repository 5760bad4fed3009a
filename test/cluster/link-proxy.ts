import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../harness/redis-process.js'

/*
 * How a link is cut between some processes of one machine and not between others: each Master listens on 127.0.0.1 and
 * advertises another address of the loopback, where a proxy stands. The first bytes of a link name who dials.
 */

interface Pair {
  readonly outer: Socket
  readonly inner: Socket
  /** Incarnation of who dials, such as `w1-...`; '' until it has said so. */
  dialler: string
}

/** What stands before one Master. */
export class LinkProxy {
  /** Of the Master in the deployment file. */
  readonly place: Readonly<Record<string, string | number>>
  readonly #pairs = new Set<Pair>()
  readonly #servers: Server[] = []
  #cut: RegExp | undefined
  #door: Server | undefined

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

  /** Ends the links that these have dialled, as the end of a process would, and each that they dial from now on. */
  cut(diallers: RegExp): void {
    this.#cut = diallers
    for (const pair of this.#pairs) if (diallers.test(pair.dialler)) end(pair)
  }

  heal(): void {
    this.#cut = undefined
  }

  /** The kernel refuses whoever dials from now on; links that stand live on. */
  async refuse(): Promise<void> {
    const door = this.#door
    this.#door = undefined
    // Resolves only when the last link has ended; no new one is accepted from here on.
    door?.close()
  }

  async open(): Promise<void> {
    this.#door ??= await this.#listen(Number(this.place.port), true)
  }

  stop(): void {
    for (const server of this.#servers) server.close()
    for (const pair of this.#pairs) end(pair)
  }

  async #listen(port: number, isDoor: boolean): Promise<Server> {
    const server = createServer((outer) => this.#accept(outer, port, isDoor))
    server.listen(port, String(this.place.advertise))
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
    this.#servers.push(server)
    return server
  }

  #accept(outer: Socket, port: number, isDoor: boolean): void {
    const pair: Pair = { outer, inner: connect(port, String(this.place.host)), dialler: '' }
    this.#pairs.add(pair)
    for (const socket of [pair.outer, pair.inner]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#pairs.delete(pair)
        end(pair)
      })
    }
    if (isDoor) {
      outer.once('data', (chunk: Buffer) => {
        pair.dialler = /"incarnation":"([^"]*)"/.exec(chunk.toString('latin1'))?.[1] ?? ''
        if (this.#cut?.test(pair.dialler)) end(pair)
      })
    }
    outer.pipe(pair.inner)
    pair.inner.pipe(outer)
  }
}

function end({ outer, inner }: Pair): void {
  outer.destroy()
  inner.destroy()
}
