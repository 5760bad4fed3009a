/*
 * A web to try the scraper on: many hosts, which are ports of this machine, with slow, busy, missing and
 * stuck pages.
 *
 *     node dist/examples/scraper/server.js [PAGES [HOSTS]] > urls.txt       default 20,000 pages of 20 hosts
 *
 * It prints the URLs of all pages and serves them until Ctrl-C. GET /counts of any host is what was asked.
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { wholeNumber } from '../whole-number.js'

/** What a page does. It is the same in every run. */
export type PageKind = 'there' | 'missing' | 'busy at first' | 'stuck at first'

export function kindOf(page: number): PageKind {
  if (page % 997 === 3) return 'stuck at first'
  if (page % 211 === 5) return 'busy at first'
  return page % 97 === 7 ? 'missing' : 'there'
}

export class Web implements AsyncDisposable {
  /** How often each page was asked for, by its URL. */
  readonly asked = new Map<string, number>()
  /** Requests of each host now, and the most there were at once. */
  readonly now = new Map<string, number>()
  readonly most = new Map<string, number>()
  readonly urls: readonly string[]
  readonly #servers: readonly Server[]

  private constructor(servers: readonly Server[], pages: number) {
    this.#servers = servers
    const hosts = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`)
    this.urls = Array.from({ length: pages }, (_, page) => `http://${hosts[page % hosts.length]}/${page}`)
    for (const [index, server] of servers.entries()) {
      server.on('request', (request, response) => this.#serve(hosts[index]!, request.url ?? '', response))
    }
  }

  static async start(pages: number, hosts: number): Promise<Web> {
    const servers = Array.from({ length: hosts }, () => createServer())
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve, reject) => {
            server.once('error', reject).listen(0, '127.0.0.1', resolve)
          }),
      ),
    )
    return new Web(servers, pages)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.closeAllConnections()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  #serve(host: string, path: string, response: ServerResponse): void {
    if (path === '/counts') {
      const most = Math.max(0, ...this.most.values())
      const requests = [...this.asked.values()].reduce((sum, count) => sum + count, 0)
      response.end(JSON.stringify({ pages: this.asked.size, requests, most }))
      return
    }
    const url = `http://${host}${path}`
    const isFirst = !this.asked.has(url)
    this.asked.set(url, (this.asked.get(url) ?? 0) + 1)
    this.now.set(host, (this.now.get(host) ?? 0) + 1)
    this.most.set(host, Math.max(this.most.get(host) ?? 0, this.now.get(host)!))
    response.on('close', () => void this.now.set(host, this.now.get(host)! - 1))

    const page = Number(path.slice(1))
    const kind = kindOf(page)
    if (kind === 'stuck at first' && isFirst) return
    setTimeout(
      () => {
        if (kind === 'missing') response.writeHead(404).end('there is no such page')
        else if (kind === 'busy at first' && isFirst) response.writeHead(503).end('come back later')
        else response.end(`<title>Page ${page}</title>`.padEnd(500 + (page % 1500), '.'))
      },
      5 + (page % 20),
    )
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [pages, hosts] = process.argv.slice(2)
  const web = await Web.start(wholeNumber(pages, 'PAGES', 20_000), wholeNumber(hosts, 'HOSTS', 20))
  process.stdout.write(`${web.urls.join('\n')}\n`)
}
