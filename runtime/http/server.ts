import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { formatHostPort } from '../addresses.js'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { withinDescriptors } from '../process/descriptors.js'
import type { TlsSource } from '../tls/tls-source.js'
import { Connection, type ConnectionTimes } from './connection.js'
import { ConnectionSlots } from './connection-slots.js'
import { Pump } from './pump.js'
import { plainAnswer, refusal } from './refusal.js'
import type { RequestListener, RequestListenerOptions } from './request-listener.js'
import { SecureEntry } from './secure-entry.js'

export type HttpBounds = ConnectionTimes &
  Readonly<Record<'httpConnections' | 'httpConnectionsPerAddress', number>>

export interface HttpServerOptions extends RequestListenerOptions {
  /** 0 is any free port. */
  readonly port: number
  /** Absent: plain HTTP. */
  readonly tls?: TlsSource | undefined
  /** Tests use shorter times and fewer slots. */
  readonly bounds?: Partial<HttpBounds>
  /** A connection was refused or ended. `why` is a text for people. */
  readonly onRefused?: (address: string, why: string) => void
}

export interface HttpServer {
  /** The port it listens on. */
  readonly port: number
  /** Loads what the first request would otherwise wait for. */
  prepare(): Promise<void>
  /** Stops listening and ends open connections. Resolves when none is left. */
  close(): Promise<void>
}

function listenError(cause: NodeJS.ErrnoException, { host, port }: HttpServerOptions): FiresteelError {
  const place = formatHostPort({ host, port })
  if (cause.code === 'EADDRINUSE') {
    return new FiresteelError('PORT_IN_USE', `The HTTP port ${place} is taken.`, { place, cause })
  }
  return new FiresteelError('CONFIG_INVALID', `HTTP cannot listen on ${place}: ${reasonOf(cause)}.`, {
    place,
    cause,
  })
}

/**
 * Serves `routes` behind the guards. Rejects with PORT_IN_USE, or with CONFIG_INVALID for an address that is
 * not ours.
 */
export function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port } = options
  return new Promise((resolve, reject) => {
    const house = new Connections(options)
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => house.open(socket))
    const onStartError = (error: NodeJS.ErrnoException): void => reject(listenError(error, options))
    server.once('error', onStartError)
    server.listen({ host, port, backlog: limits.httpBacklog }, () => {
      server.removeListener('error', onStartError)
      // A failed accept, for example without descriptors, costs that connection only.
      server.on('error', (error) => options.onRefused?.('', reasonOf(error)))
      resolve({
        port: portOf(server, port),
        prepare: async () => void (await house.listener()),
        close: () => house.close(server),
      })
    })
  })
}

function portOf(server: Server, asked: number): number {
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : asked
}

const SWEEP_MS = innerLimits.httpSweepMs
/** Connections that are being refused with an answer. Further ones are closed without one. */
const REFUSALS_AT_ONCE = innerLimits.httpRefusals
const REFUSAL_MS = innerLimits.httpRefusalMs

/** All connections: which are accepted, what they ask, and when they must end. */
class Connections {
  readonly #options: HttpServerOptions
  readonly #http = createHttp({ maxHeaderSize: limits.httpHeadBytes })
  readonly #bounds: HttpBounds
  readonly #pump: Pump
  readonly #slots: ConnectionSlots<Connection>
  #listener: Promise<RequestListener> | undefined
  readonly #sweep: NodeJS.Timeout
  readonly #entry: SecureEntry | undefined
  #refusals = 0

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#bounds = { ...limits, ...options.bounds }
    const { tls, onRefused } = options
    this.#entry = tls && new SecureEntry({ tls, nowMs, onRefused })
    const onError = (error: unknown): void => options.onError?.(error)
    this.#pump = new Pump({ nowMs, onError })
    const most = withinDescriptors(this.#bounds.httpConnections, limits.httpDescriptorShare)
    const mostPerAddress = Math.min(this.#bounds.httpConnectionsPerAddress, most)
    this.#slots = new ConnectionSlots({ most, mostPerAddress }, ({ phase }) => phase !== 'answering')
    // The connections' own sweep checks the times, because it sees slow answers too.
    this.#http.keepAliveTimeout = 0
    this.#http.on('request', (request, response) => {
      ;(request.socket as unknown as Connection).enqueue(request, response)
    })
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
      const connection = socket as unknown as Connection
      connection.dismiss(plainAnswer(status, 'HTTP_REFUSED', `This is no request: ${error.message}.`))
    })
    this.#sweep = setInterval(() => this.#sweepNow(), SWEEP_MS)
    this.#sweep.unref()
  }

  open(socket: Socket): void {
    const address = socket.remoteAddress
    // It has already closed.
    if (address === undefined) {
      socket.destroy()
      return
    }
    if (this.#entry) this.#entry.enter(socket, address, (secured) => this.#admit(secured, address))
    else this.#admit(socket, address)
  }

  #admit(socket: Socket, address: string): void {
    const make = (): Connection => this.#connection(socket, address)
    const answer = this.#slots.enter(address, make)
    if (!answer.admitted) this.#refuse(socket, address, answer.full)
    else if (answer.evicted) {
      this.#options.onRefused?.(answer.evicted.address, 'sent nothing while others waited for a connection')
      answer.evicted.destroy()
    }
  }

  async close(server: Server): Promise<void> {
    clearInterval(this.#sweep)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    this.#entry?.close()
    for (const connection of [...this.#slots]) connection.destroy()
    this.#pump.close()
    await closed
  }

  async #load(): Promise<RequestListener> {
    try {
      const { requestListener } = await import('./request-listener.js')
      return await requestListener(this.#options)
    } catch (error) {
      // The next request tries again.
      this.#listener = undefined
      throw error
    }
  }

  #connection(socket: Socket, address: string): Connection {
    const connection = new Connection({
      socket,
      address,
      nowMs,
      times: this.#bounds,
      schedule: (of) => this.#pump.schedule(of),
      handle: (request, response) => this.#handle(request, response),
    })
    connection.once('close', () => this.#slots.leave(address, connection))
    this.#http.emit('connection', connection)
    return connection
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    if (Number(request.headers['content-length'] ?? 0) > limits.httpBodyBytes) {
      const text = `A body has at most ${limits.httpBodyBytes} bytes.`
      response.writeHead(413, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify(refusal('HTTP_REFUSED', text)))
      return
    }
    this.#listen(request, response).catch((error: unknown) => {
      this.#options.onError?.(error)
      response.destroy()
    })
  }

  async #listen(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const listener = await this.listener()
    await listener(request, response)
  }

  listener(): Promise<RequestListener> {
    this.#listener ??= this.#load()
    return this.#listener
  }

  #refuse(socket: Socket, address: string, full: 'address' | 'all'): void {
    this.#options.onRefused?.(
      address,
      full === 'address' ? 'has too many connections' : 'no connection is left',
    )
    socket.on('error', () => undefined)
    if (this.#refusals >= REFUSALS_AT_ONCE) {
      socket.destroy()
      return
    }
    this.#refusals++
    const timer = setTimeout(() => socket.destroy(), REFUSAL_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#refusals--
    })
    const text =
      full === 'address'
        ? plainAnswer(429, 'HTTP_BUSY', 'This address has as many connections as it may have.')
        : plainAnswer(503, 'HTTP_BUSY', 'There are as many connections as there may be.')
    socket.end(text)
    // Unread bytes would turn our end into a reset, and the answer would be lost.
    socket.resume()
  }

  #sweepNow(): void {
    const now = nowMs()
    for (const connection of [...this.#slots]) {
      const why = connection.overdue(now)
      if (why === 'slow') connection.dismiss(plainAnswer(408, 'HTTP_REFUSED', 'The request came too slowly.'))
      else if (why === 'silent') {
        if (connection.phase === 'answering')
          this.#options.onRefused?.(connection.address, 'took its answer too slowly')
        connection.destroy()
      }
    }
    this.#pump.sweep()
  }
}

const nowMs = (): number => performance.now()
