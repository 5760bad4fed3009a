import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { descriptorBudget } from '../process/descriptor-budget.js'
import { systemTimers, type TimerSource } from '../timers.js'
import { AcceptorHandshake, type HandshakeStep } from './handshake.js'
import { encodeHandshake, NONCE_BYTES, type RefusalCode, selfDescription } from './handshake-message.js'
import { HandshakeRate } from './handshake-rate.js'
import {
  currentIdentity,
  formatAddress,
  type IdentitySource,
  type PeerIdentity,
  plainHost,
  type Role,
} from './identity.js'
import { type InvalidReport, Link } from './link.js'
import { nodeMajor } from './node-major.js'
import { OpenHandshakes } from './open-handshakes.js'
import { OpenLinks } from './open-links.js'
import { ownProtocols } from './protocol-range.js'
import { type HandshakeResult, runHandshake } from './run-handshake.js'

/** A connection that did not become a link. */
export interface Rejection {
  /** host:port of the peer. */
  readonly address: string
  readonly code: RefusalCode
  readonly detail: string
}

export interface ListenOptions {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  readonly identity: IdentitySource
  /** Returns the key of a role and subject; undefined if there is none. */
  readonly keyFor: (role: Role, subject?: string) => Buffer | undefined
  /** Why a peer that has proved its key is refused; undefined: it is not. */
  readonly refuses?: ((role: Role, subject?: string) => RefusalCode | undefined) | undefined
  /** Called for each link. Give it a receiver soon. */
  readonly onLink: (link: Link) => void
  readonly onRejected?: (rejection: Rejection) => void
  readonly onInvalid?: (report: InvalidReport) => void
  /** After this silence a link is dead. Default: `limits.linkDeadMs` for all. */
  readonly deadMsFor?: (peer: PeerIdentity) => number
  readonly clock?: Clock
  readonly timers?: TimerSource
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting connections and ends open handshakes. Open links stay open; their table closes them. */
  close(): Promise<void>
}

/**
 * Opens a port for links. Rejects with PORT_IN_USE, LISTEN_FAILED, or HANDSHAKE_FAILED if our own names do
 * not fit.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  // A name that fits into no handshake must fail here, not at the first peer.
  const probe = selfDescription(
    currentIdentity(options.identity),
    Buffer.alloc(NONCE_BYTES),
    nodeMajor,
    ownProtocols,
  )
  encodeHandshake({ type: 'hello-back', ...probe })
  const acceptor = new Acceptor(options)
  const server = createServer((socket) => acceptor.open(socket))
  await bind(server, options.host, options.port)
  // A failed accept, for example without file descriptors, costs that connection and not the listener.
  server.on('error', (error) =>
    options.onRejected?.({ address: '', code: 'HANDSHAKE_FAILED', detail: error.message }),
  )
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port
  return {
    host: options.host,
    port,
    close: async () => {
      server.close()
      acceptor.close()
      // The port is free once the event loop has closed its handle.
      await new Promise<void>((resolve) => setImmediate(resolve))
    },
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const place = formatAddress(host, port)
      const taken = error.code === 'EADDRINUSE'
      const message = taken
        ? `The port ${place} is in use.`
        : `Cannot listen on ${place}: ${error.code ?? error.message}.`
      reject(new FiresteelError(taken ? 'PORT_IN_USE' : 'LISTEN_FAILED', message, { place, cause: error }))
    })
    server.listen({ host, port, backlog: limits.listenBacklog }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

/** The peer gets no answer, because that would cost as much as a handshake. An honest peer dials again. */
const TOO_MANY: HandshakeStep = {
  kind: 'refused',
  code: 'HANDSHAKE_FAILED',
  detail: `its address began over ${limits.handshakesPerSecondPerAddress} handshakes within a second`,
}

/** Holds the connections between accept and link. */
class Acceptor {
  readonly #options: ListenOptions
  readonly #clock: Clock
  readonly #timers: TimerSource
  readonly #open: OpenHandshakes<Socket>
  readonly #rate = new HandshakeRate()
  readonly #links: OpenLinks

  constructor(options: ListenOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#timers = options.timers ?? systemTimers
    const capacity = descriptorBudget()
    this.#open = new OpenHandshakes({ most: capacity.handshakes })
    this.#links = new OpenLinks(capacity)
  }

  open(socket: Socket): void {
    const host = plainHost(socket.remoteAddress ?? '')
    const address = formatAddress(host, socket.remotePort ?? 0)
    // Without a remote address the connection has already closed.
    if (host === '') {
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const leave = (): void => this.#open.leave(socket)
    for (const older of this.#open.enter(socket, host, this.#clock.monotonicMs())) older.destroy()
    socket.once('close', leave)
    let handshake: AcceptorHandshake | undefined
    runHandshake({
      socket,
      receive: (body) => {
        if (handshake === undefined) {
          if (!this.#rate.begin(host, this.#clock.monotonicMs())) return TOO_MANY
          handshake = this.#handshake()
        }
        const step = handshake.receive(body)
        if (step.kind === 'waiting') this.#open.spoke(socket)
        return step
      },
      timers: this.#timers,
      timeoutMs: limits.handshakeMs,
      done: (result) => {
        if (result.kind === 'linked') leave()
        this.#done(socket, address, result)
      },
    })
  }

  close(): void {
    for (const socket of [...this.#open]) socket.destroy()
  }

  /** Made when the peer sends something: most strangers leave without a word. */
  #handshake(): AcceptorHandshake {
    return new AcceptorHandshake({
      identity: currentIdentity(this.#options.identity),
      nodeMajor,
      nonce: randomBytes(NONCE_BYTES),
      keyFor: this.#options.keyFor,
      refuses: this.#options.refuses,
    })
  }

  #done(socket: Socket, address: string, result: HandshakeResult): void {
    const { onLink, onRejected, onInvalid, deadMsFor } = this.#options
    if (result.kind === 'linked') {
      const peer: PeerIdentity = { ...result.peer, address }
      const deadMs = deadMsFor?.(peer) ?? limits.linkDeadMs
      const { decoder } = result
      const link = new Link({
        socket,
        decoder,
        peer,
        clock: this.#clock,
        timers: this.#timers,
        deadMs,
        onInvalid,
        // Masters and Workers go on reading: both send much, and both sides would stop reading and wait for
        // each other.
        readsOnlyTakers: peer.role !== 'node',
      })
      if (this.#links.enter(link)) {
        onLink(link)
        return
      }
      link.close('too many links')
      onRejected?.({ address, code: 'HANDSHAKE_FAILED', detail: `too many links as ${peer.role}` })
      return
    }
    const code = result.kind === 'refused' ? result.code : 'HANDSHAKE_FAILED'
    onRejected?.({ address, code, detail: result.detail })
  }
}
