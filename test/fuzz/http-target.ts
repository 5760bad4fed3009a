import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import type { Hono } from 'hono'
import { masterRoutes } from '../../actors/master/json.js'
import { workerRoutes } from '../../actors/worker/json.js'
import { errorCodes } from '../../runtime/errors.js'
import { createHttpServer, type HttpServer } from '../../runtime/http/server.js'
import { masterState, workerState } from '../tools/http-samples.js'
import { makeHttpBytes } from './http-requests.js'
import type { Random } from './random.js'
import { gone, turn } from './socket-scripts.js'
import { must, type Target } from './target.js'

export interface HttpInput {
  readonly server: 'master' | 'worker'
  readonly bytes: Buffer
  /** Where the bytes are cut, in rising order. Each piece is one write. */
  readonly cuts: readonly number[]
  readonly leaving: 'end' | 'destroy' | 'reset'
}

const AT_ONCE = 16
const GONE_MS = 20_000
const TURNS = 12
const CUTS_MAX = 8
/** Answers of Node's parser if HTTP itself was broken. They have a status but no code of ours. */
const parserStatuses: ReadonlySet<number> = new Set([400, 408, 413, 414, 417, 431, 505])

/** The status of the first response and the code in its body. Undefined: no response came. */
export function readResponse(bytes: Buffer): { status: number; code: string | undefined } | undefined {
  if (bytes.length === 0) return undefined
  const text = bytes.toString('latin1')
  const skipped = text.startsWith('HTTP/1.1 100 Continue\r\n\r\n') ? text.slice(25) : text
  if (skipped === '') return undefined
  const status = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/.exec(skipped)?.[1]
  must(status !== undefined, `no response: ${JSON.stringify(skipped.slice(0, 80))}`)
  const end = skipped.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(skipped.slice(0, end + 2))?.[1]
  const body = length === undefined ? '' : skipped.slice(end + 4, end + 4 + Number(length))
  // A response to HEAD has no body, and a connection that closed early has only a part of it.
  const whole = length !== undefined && body.length === Number(length) && body !== ''
  if (!whole || Number(status) < 400) return { status: Number(status), code: undefined }
  const code = codeOf(body)
  must(code !== undefined, `${status} with a body that has no code`)
  return { status: Number(status), code }
}

function codeOf(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown } }
    return typeof error?.code === 'string' ? error.code : undefined
  } catch {
    return undefined
  }
}

/** The HTTP servers of a Master and of a Worker behind their guards, over real sockets. */
export class HttpTarget implements Target<HttpInput> {
  readonly name = 'http'
  readonly atOnce = AT_ONCE
  readonly #servers = new Map<HttpInput['server'], HttpServer>()
  readonly #failures: unknown[] = []
  #open = 0

  async open(): Promise<void> {
    const state = masterState()
    const master = masterRoutes({
      snapshot: () => state,
      head: () => state,
      leaderships: () => [],
      health: () => 'ok',
      wallMs: Date.now,
    })
    // A route that reads the body, as later pages will.
    master.post('/echo', async (context) => context.text(await context.req.text().catch(() => '')))
    this.#servers.set('master', await this.#serve(master))
    this.#servers.set(
      'worker',
      await this.#serve(
        workerRoutes(
          () => workerState,
          () => 'ok',
        ),
      ),
    )
  }

  #serve(routes: Hono): Promise<HttpServer> {
    const onError = (error: unknown): void => void this.#failures.push(error)
    return createHttpServer({
      host: '127.0.0.1',
      port: 0,
      routes: () => routes,
      allowedHosts: ['m1.example'],
      onError,
    })
  }

  generate(random: Random): HttpInput {
    const bytes = makeHttpBytes(random)
    const cuts = Array.from({ length: random.size(CUTS_MAX) }, () => random.int(bytes.length + 1)).sort(
      (a, b) => a - b,
    )
    return {
      server: random.oneIn(4) ? 'worker' : 'master',
      bytes,
      cuts,
      leaving: random.pick(['end', 'end', 'end', 'destroy', 'reset'] as const),
    }
  }

  async run(inputs: readonly HttpInput[]): Promise<string[]> {
    const outcomes = await Promise.all(inputs.map((input) => this.#one(input)))
    must(this.#failures.length === 0, `a route threw: ${String(this.#failures.splice(0)[0])}`)
    return outcomes
  }

  async #one({ server, bytes, cuts, leaving }: HttpInput): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: this.#servers.get(server)!.port, noDelay: true })
    this.#open++
    const chunks: Buffer[] = []
    socket.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk))
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      if (!socket.writable) break
      socket.write(bytes.subarray(from, to))
      from = to
      await turn()
    }
    for (let n = 0; n < TURNS && !socket.closed; n++) await turn()
    if (leaving === 'end') socket.end()
    else if (leaving === 'reset') socket.resetAndDestroy()
    else socket.destroy()
    await this.#gone(socket)
    this.#open--
    const response = readResponse(Buffer.concat(chunks))
    if (response === undefined) return 'no answer'
    const { status, code } = response
    must(status !== 500, 'a request made the server fail')
    if (code !== undefined)
      must(Object.hasOwn(errorCodes, code.slice('FIRESTEEL_'.length)), `${code} is no code`)
    if (status < 400 || code !== undefined) return code === undefined ? String(status) : `${status} ${code}`
    return parserStatuses.has(status) ? `${status} of the parser` : `${status}`
  }

  /** After our side has ended, the server must end too, whatever was sent. */
  async #gone(socket: Socket): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('late'), GONE_MS)
    })
    const how = await Promise.race([gone(socket), late])
    clearTimeout(timer)
    must(how !== 'late', `the server keeps a connection ${GONE_MS} ms after its end`)
  }

  gauges(): Record<string, number> {
    return { connections: this.#open }
  }

  /** A correct request must still be served. */
  async settle(): Promise<void> {
    for (const { port } of this.#servers.values()) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } })
      must(answer.status === 200, `/healthz answers ${answer.status}`)
      await answer.arrayBuffer()
    }
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.close()
    this.#servers.clear()
  }
}
