import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { descriptorBudget } from '../process/descriptor-budget.js'
import { systemTimers, type TimerSource } from '../timers.js'
import { isOfNode } from '../tls/material.js'
import { type Channel, type ChannelSecurity, certificateProblem, refusalOf, tell } from './channel.js'
import { guardLink } from './guard-link.js'
import { AcceptorHandshake, type HandshakeStep } from './handshake.js'
import { encodeHandshake, NONCE_BYTES, type RefusalCode, selfDescription } from './handshake-message.js'
import { HandshakeRate } from './handshake-rate.js'
import {
  currentIdentity,
  formatAddress,
  type IdentitySource,
  isNodeRole,
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
import { SecureDoor } from './secure-door.js'

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
  /** Absent: no TLS. With 'key', only processes of an application get in. */
  readonly tls?: ChannelSecurity | undefined
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
const TOO_MANY = {
  kind: 'refused',
  code: 'HANDSHAKE_FAILED',
  detail: `its address began over ${limits.handshakesPerSecondPerAddress} handshakes within a second`,
} as const satisfies HandshakeStep

/** A connection that is no link yet. */
interface Visit {
  readonly socket: Socket
  readonly host: string
  readonly address: string
}

/** What is wrong with the certificate that it shows; undefined: nothing, or it shows none. */
function shownProblem({ socket, chain }: Channel): string | undefined {
  return chain.length === 0 || socket.authorized
    ? undefined
    : certificateProblem(String(socket.authorizationError))
}

const refusedFor = (detail: string): HandshakeStep => ({
  kind: 'refused',
  code: 'CERTIFICATE_REFUSED',
  detail,
  send: refusalOf('CERTIFICATE_REFUSED'),
})

/** Holds the connections between accept and link. */
class Acceptor {
  readonly #options: ListenOptions
  readonly #clock: Clock
  readonly #timers: TimerSource
  readonly #open: OpenHandshakes<Socket>
  readonly #rate = new HandshakeRate()
  readonly #links: OpenLinks
  readonly #door: SecureDoor | undefined

  constructor(options: ListenOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#timers = options.timers ?? systemTimers
    const capacity = descriptorBudget()
    this.#open = new OpenHandshakes({ most: capacity.handshakes })
    this.#links = new OpenLinks(capacity)
    const { tls, keyFor } = options
    this.#door =
      tls &&
      new SecureDoor({
        security: tls === 'key' ? (subject) => keyFor('application', subject) : tls,
        mayBegin: (host) => this.#mayBegin(host),
      })
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
    for (const older of this.#open.enter(socket, host, this.#clock.monotonicMs())) older.destroy()
    socket.once('close', () => this.#open.leave(socket))
    const visit: Visit = { socket, host, address }
    if (this.#door) this.#secure(this.#door, visit)
    else this.#prove(visit, undefined)
  }

  /** TLS first. What is said inside goes on as without it. */
  #secure(door: SecureDoor, visit: Visit): void {
    const { socket, host, address } = visit
    const turnAway = (code: RefusalCode, detail: string): void =>
      this.#options.onRejected?.({ address, code, detail })
    const cancelTimer = this.#timers.after(limits.handshakeMs, () => {
      turnAway('HANDSHAKE_FAILED', `no TLS within ${limits.handshakeMs} ms`)
      socket.destroy()
    })
    socket.once('close', cancelTimer)
    door.enter(socket, host, (result) => {
      cancelTimer()
      if (result.kind === 'secured') this.#prove(visit, result)
      else if (result.kind === 'hasty') turnAway(TOO_MANY.code, TOO_MANY.detail)
      else if (result.kind === 'refused') turnAway(result.code, result.detail)
      else if (result.kind === 'broken') turnAway('HANDSHAKE_FAILED', result.detail)
      else {
        turnAway('TLS_MISMATCH', 'it speaks no TLS, and this side does')
        this.#open.refused(socket)
        tell(socket, 'TLS_MISMATCH')
        socket.resume()
        this.#timers.after(limits.linkLingerMs, () => socket.destroy())
      }
    })
  }

  #prove(visit: Visit, channel: Channel | undefined): void {
    let handshake: AcceptorHandshake | undefined
    const receive = (body: Buffer): HandshakeStep => {
      if (handshake === undefined) {
        // With TLS it was counted before.
        if (!channel && !this.#mayBegin(visit.host)) return TOO_MANY
        const distrust = channel && shownProblem(channel)
        if (distrust !== undefined) return refusedFor(distrust)
        handshake = this.#handshake(channel?.binding)
      }
      const step = handshake.receive(body)
      if (step.kind === 'waiting') this.#open.spoke(visit.socket)
      const missing = step.kind === 'linked' && this.#certificateMissing(step.peer.role, channel)
      return missing ? refusedFor(missing) : step
    }
    runHandshake({
      socket: channel?.socket ?? visit.socket,
      receive,
      timers: this.#timers,
      timeoutMs: limits.handshakeMs,
      done: (result) => this.#done(visit, channel, result),
    })
  }

  #mayBegin(host: string): boolean {
    return this.#rate.begin(host, this.#clock.monotonicMs())
  }

  /** A node proves itself by both: the key of its role, and a certificate of a node. */
  #certificateMissing(role: Role, channel: Channel | undefined): string | undefined {
    if (!isNodeRole(role) || !channel || this.#options.tls === 'key') return undefined
    const [own] = channel.chain
    if (!own) return 'it is a node, and shows no certificate'
    return isOfNode(own) ? undefined : 'its certificate is that of a client, not of a node'
  }

  close(): void {
    this.#door?.close()
    for (const socket of [...this.#open]) socket.destroy()
  }

  /** Made when the peer sends something: most strangers leave without a word. */
  #handshake(channelBinding: Buffer | undefined): AcceptorHandshake {
    return new AcceptorHandshake({
      identity: currentIdentity(this.#options.identity),
      nodeMajor,
      nonce: randomBytes(NONCE_BYTES),
      keyFor: this.#options.keyFor,
      refuses: this.#options.refuses,
      channelBinding,
    })
  }

  #done({ socket: plain, address }: Visit, channel: Channel | undefined, result: HandshakeResult): void {
    const { onLink, onRejected, onInvalid, deadMsFor } = this.#options
    if (result.kind === 'linked') {
      const peer: PeerIdentity = { ...result.peer, address }
      const deadMs = deadMsFor?.(peer) ?? limits.linkDeadMs
      const { decoder } = result
      const socket = channel?.socket ?? plain
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
        readsOnlyTakers: !isNodeRole(peer.role),
      })
      if (this.#links.enter(peer.role, socket)) {
        this.#open.leave(plain)
        guardLink(link, this.#options.tls, channel)
        onLink(link)
        return
      }
      this.#open.refused(plain)
      link.close('too many links')
      onRejected?.({ address, code: 'HANDSHAKE_FAILED', detail: `too many links as ${peer.role}` })
      return
    }
    this.#open.refused(plain)
    const code = result.kind === 'refused' ? result.code : 'HANDSHAKE_FAILED'
    onRejected?.({ address, code, detail: result.detail })
  }
}
