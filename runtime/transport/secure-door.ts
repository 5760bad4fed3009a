import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { protocolOptions, type TlsSource } from '../tls/tls-source.js'
import {
  type ChannelResult,
  channelFailure,
  channelKeyOf,
  channelOf,
  keyOptions,
  TLS_FIRST_BYTE,
} from './channel.js'

export type DoorResult =
  | ChannelResult
  /** The first bytes are no TLS. The connection is open, paused, and its bytes are unread. */
  | { readonly kind: 'plain' }
  /** This address begins too many handshakes. The connection has been closed. */
  | { readonly kind: 'hasty' }

export interface SecureDoorOptions {
  /** Certificates, or what finds the key of an application. */
  readonly security: TlsSource | ((subject: string) => Buffer | undefined)
  /** False: certificates of who dials are not asked for. Default true. */
  readonly asksCertificate?: boolean
  /** Whether this address may begin one more handshake now. */
  readonly mayBegin: (host: string) => boolean
}

interface Waiting {
  readonly socket: Socket
  readonly done: (result: DoorResult) => void
}

/**
 * The side of TLS that is dialled. A connection costs nothing until its first bytes are here. Then it waits
 * for its turn: few handshakes begin in one turn of the event loop, and the addresses take turns.
 */
export class SecureDoor {
  readonly #options: SecureDoorOptions
  readonly #server: Server
  readonly #stopListening: (() => void) | undefined
  /** By address, each in the order in which they came. */
  readonly #waiting = new Map<string, Waiting[]>()
  /** Local and remote port of a connection -> who waits for its handshake. */
  readonly #open = new Map<string, (result: ChannelResult) => void>()
  #scheduled = false

  constructor(options: SecureDoorOptions) {
    this.#options = options
    const { security } = options
    if (typeof security === 'function') this.#server = createServer(keyServer(security))
    else {
      // Who shows a certificate that does not count is told so inside the channel.
      const requestCert = options.asksCertificate ?? true
      this.#server = createServer({ ...security.contextOptions, requestCert, rejectUnauthorized: false })
      this.#stopListening = security.onChange(() => this.#server.setSecureContext(security.contextOptions))
    }
    this.#server.on('secureConnection', (socket) =>
      this.#settle(socket, () => ({ kind: 'secured', ...channelOf(socket) })),
    )
    this.#server.on('tlsClientError', (error, socket) =>
      this.#settle(socket, () => {
        const failure = channelFailure(error, typeof security === 'function' ? 'key' : security)
        return failure
          ? { kind: 'refused', ...failure }
          : { kind: 'broken', detail: reasonOf(error), cause: error }
      }),
    )
  }

  /** `done` is called once, and not if the connection ends before its first bytes. */
  enter(socket: Socket, host: string, done: (result: DoorResult) => void): void {
    socket.on('error', () => undefined)
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      socket.unshift(chunk)
      if (chunk[0] !== TLS_FIRST_BYTE) {
        done({ kind: 'plain' })
        return
      }
      if (!this.#options.mayBegin(host)) {
        socket.destroy()
        done({ kind: 'hasty' })
        return
      }
      const line = this.#waiting.get(host)
      if (line) line.push({ socket, done })
      else this.#waiting.set(host, [{ socket, done }])
      this.#schedule()
    })
  }

  close(): void {
    this.#stopListening?.()
    this.#waiting.clear()
    this.#open.clear()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    for (let begun = 0; begun < innerLimits.tlsStartsPerTurn; ) {
      const next = this.#next()
      if (!next) return
      if (next.socket.destroyed) continue
      this.#begin(next)
      begun++
    }
    if (this.#waiting.size > 0) this.#schedule()
  }

  /** Of the address whose turn it is. It goes to the end. */
  #next(): Waiting | undefined {
    for (const [host, line] of this.#waiting) {
      this.#waiting.delete(host)
      const next = line.shift()
      if (line.length > 0) this.#waiting.set(host, line)
      return next
    }
    return undefined
  }

  #begin({ socket, done }: Waiting): void {
    const name = nameOf(socket)
    this.#open.set(name, done)
    socket.once('close', () => {
      if (this.#open.get(name) !== done) return
      this.#open.delete(name)
      done({ kind: 'broken', detail: 'the connection closed' })
    })
    this.#server.emit('connection', socket)
  }

  #settle(socket: TLSSocket, result: () => ChannelResult): void {
    const name = nameOf(socket)
    const done = this.#open.get(name)
    this.#open.delete(name)
    if (done) done(result())
    else socket.destroy()
  }
}

const keyServer = (keyOf: (subject: string) => Buffer | undefined): TlsOptions => ({
  ...protocolOptions,
  ...keyOptions,
  pskCallback: (_, subject) => {
    const key = keyOf(subject)
    return key ? channelKeyOf(key) : null
  },
})

/** The ends of a connection, which its TLS socket has too. */
const nameOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`
