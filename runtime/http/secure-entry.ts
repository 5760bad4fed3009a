import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { limits } from '../limits.js'
import { descriptorBudget } from '../process/descriptor-budget.js'
import type { TlsSource } from '../tls/tls-source.js'
import { HandshakeRate } from '../transport/handshake-rate.js'
import { OpenHandshakes } from '../transport/open-handshakes.js'
import { SecureDoor } from '../transport/secure-door.js'
import { plainAnswer } from './refusal.js'

export interface SecureEntryOptions {
  readonly tls: TlsSource
  readonly nowMs: () => number
  readonly onRefused?: ((address: string, why: string) => void) | undefined
}

const PLAIN = plainAnswer(400, 'HTTP_REFUSED', 'This port speaks HTTPS only: write https:// before its name.')

/** TLS before HTTP. Connections that have not finished it are bounded as those of actors are. */
export class SecureEntry {
  readonly #options: SecureEntryOptions
  readonly #door: SecureDoor
  readonly #rate = new HandshakeRate()
  /** Until they are secured, or closed: who is told that it speaks no TLS may stay for a while. */
  readonly #open = new OpenHandshakes<Socket>({ most: descriptorBudget().handshakes })

  constructor(options: SecureEntryOptions) {
    this.#options = options
    this.#door = new SecureDoor({
      security: options.tls,
      // A browser would ask its user for one.
      asksCertificate: false,
      mayBegin: (host) => this.#rate.begin(host, options.nowMs()),
    })
  }

  /** `use` gets the connection when it is secured. */
  enter(socket: Socket, address: string, use: (socket: TLSSocket) => void): void {
    const { nowMs, onRefused } = this.#options
    for (const older of this.#open.enter(socket, address, nowMs())) older.destroy()
    const timer = setTimeout(() => {
      onRefused?.(address, `no TLS within ${limits.handshakeMs} ms`)
      socket.destroy()
    }, limits.handshakeMs)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#open.leave(socket)
    })
    this.#door.enter(socket, address, (result) => {
      clearTimeout(timer)
      if (result.kind === 'secured') {
        this.#open.leave(socket)
        use(result.socket)
      } else if (result.kind === 'plain') {
        this.#open.refused(socket)
        socket.end(PLAIN)
        socket.resume()
        setTimeout(() => socket.destroy(), limits.linkLingerMs).unref()
      } else if (result.kind === 'refused' || result.kind === 'broken') onRefused?.(address, result.detail)
      else onRefused?.(address, 'begins too many connections')
    })
  }

  close(): void {
    this.#door.close()
    for (const socket of [...this.#open]) socket.destroy()
  }
}
