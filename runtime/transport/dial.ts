import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Clock, systemClock } from '../clock.js'
import { type ErrorDetails, type ErrorName, FiresteelError, reasonOf, systemCodeOf } from '../errors.js'
import { limits } from '../limits.js'
import { systemTimers, type TimerSource } from '../timers.js'
import { type Channel, type ChannelResult, type ChannelSecurity, secureDial } from './channel.js'
import { guardLink } from './guard-link.js'
import { DialerHandshake } from './handshake.js'
import { NONCE_BYTES, type RefusalCode } from './handshake-message.js'
import type { Held } from './held-bytes.js'
import { currentIdentity, formatAddress, type IdentitySource, type Role } from './identity.js'
import { type InvalidReport, Link } from './link.js'
import { nodeMajor } from './node-major.js'
import { type HandshakeResult, runHandshake } from './run-handshake.js'

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly identity: IdentitySource
  readonly role: Role
  readonly subject?: string | undefined
  readonly key: Buffer
  /** Undefined: no TLS. Required, so that nobody forgets it. */
  readonly tls: ChannelSecurity | undefined
  /** Local address to dial from, on a machine that has several. Default: the kernel chooses. */
  readonly localAddress?: string | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * One time-out for connection and handshake together. Default: `dialMs` for the connection, `handshakeMs`
   * for the handshake.
   */
  readonly timeoutMs?: number | undefined
  /** After this silence the link is dead. Default: `limits.linkDeadMs`. */
  readonly deadMs?: number | undefined
  readonly onInvalid?: ((report: InvalidReport) => void) | undefined
  /** Default: the budget of this process. */
  readonly held?: Held | undefined
  readonly clock?: Clock | undefined
  readonly timers?: TimerSource | undefined
}

/** Says why a dial gave no link. */
export class DialError extends FiresteelError {
  /** The peer's kernel refused the connection (ECONNREFUSED at every address): nobody listens there. */
  readonly refused: boolean

  constructor(code: ErrorName, message: string, details: ErrorDetails, refused: boolean) {
    super(code, message, details)
    this.refused = refused
  }
}

const refusalSentences: Record<RefusalCode, string> = {
  SECRET_WRONG: 'the cluster secrets differ',
  CLUSTER_MISMATCH: 'it belongs to another cluster',
  VERSION_UNSUPPORTED: 'it speaks another version of the protocol',
  CREDENTIAL_ENDED: 'the credential is not in force any more',
  TLS_MISMATCH: 'one side uses TLS and the other does not',
  CERTIFICATE_REFUSED: 'a certificate is not accepted',
  HANDSHAKE_FAILED: 'the handshake failed',
}

/**
 * Opens a link. Rejects with a DialError: SECRET_WRONG, CLUSTER_MISMATCH, VERSION_UNSUPPORTED,
 * CREDENTIAL_ENDED, TLS_MISMATCH or CERTIFICATE_REFUSED; HANDSHAKE_FAILED; or LINK_CLOSED if there was no
 * connection, with the socket's error as cause. Rejects with a plain HANDSHAKE_FAILED if our own names do not
 * fit into a handshake.
 */
export function dial(options: DialOptions): Promise<Link> {
  return new Promise((resolve, reject) => {
    const { host, port, key, subject, tls, signal, localAddress } = options
    const timers = options.timers ?? systemTimers
    const place = formatAddress(host, port)
    if (signal?.aborted) return reject(closedError(place, 'the dial was given up', signal.reason))
    // It also checks our own names.
    const handshake = newHandshake(options)
    const socket = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) })
    let breakOff = (detail: string, cause?: unknown): void => {
      socket.destroy()
      settle(() => reject(closedError(place, detail, cause)))
    }
    const onAbort = (): void => breakOff('the dial was given up', signal?.reason)
    const connectMs = options.timeoutMs ?? limits.dialMs
    let cancelTimer = timers.after(connectMs, () =>
      breakOff(`no connection within ${connectMs} ms`, timeoutCause()),
    )
    const cancelWhole =
      options.timeoutMs === undefined
        ? undefined
        : timers.after(options.timeoutMs, () => breakOff(`no link within ${options.timeoutMs} ms`))
    const settle = (conclude: () => void): void => {
      cancelTimer()
      cancelWhole?.()
      signal?.removeEventListener('abort', onAbort)
      conclude()
    }
    const onConnectError = (error: Error): void => breakOff(systemCodeOf(error) || reasonOf(error), error)
    const prove = (over: Socket, handshake: DialerHandshake, channel?: Channel): void => {
      breakOff = runHandshake({
        socket: over,
        first: handshake.start(),
        receive: (body) => handshake.receive(body),
        timers,
        timeoutMs: limits.handshakeMs,
        done: (result) =>
          settle(() => {
            if (result.kind === 'linked') resolve(linkOf(over, place, result, options, channel))
            else reject(handshakeError(place, result))
          }),
      })
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onConnectError)
    socket.once('connect', () => {
      cancelTimer()
      if (tls === undefined) {
        socket.off('error', onConnectError)
        prove(socket, handshake)
        return
      }
      cancelTimer = timers.after(limits.handshakeMs, () =>
        breakOff(`no TLS within ${limits.handshakeMs} ms`, timeoutCause()),
      )
      const done = (result: ChannelResult): void => {
        cancelTimer()
        if (result.kind === 'secured') prove(result.socket, newHandshake(options, result.binding), result)
        else settle(() => reject(handshakeError(place, result)))
      }
      const begin = (): void => {
        if (socket.destroyed) breakOff('the other side closed the connection')
        else secureDial({ socket, host, security: tls, key, subject, done })
      }
      if (tls === 'key') begin()
      else void tls.fresh().then(begin)
    })
  })
}

function newHandshake(
  { identity, role, subject, key }: DialOptions,
  channelBinding?: Buffer,
): DialerHandshake {
  const nonce = randomBytes(NONCE_BYTES)
  return new DialerHandshake({
    identity: currentIdentity(identity),
    nodeMajor,
    nonce,
    role,
    subject,
    key,
    channelBinding,
  })
}

type Linked = Extract<HandshakeResult, { kind: 'linked' }>

function linkOf(
  socket: Socket,
  address: string,
  { peer, decoder }: Linked,
  options: DialOptions,
  channel: Channel | undefined,
): Link {
  const remote =
    socket.remoteAddress === undefined
      ? address
      : formatAddress(socket.remoteAddress, socket.remotePort ?? options.port)
  const link = new Link({
    socket,
    decoder,
    peer: { ...peer, address: remote, dialled: true },
    clock: options.clock ?? systemClock,
    timers: options.timers ?? systemTimers,
    deadMs: options.deadMs ?? limits.linkDeadMs,
    onInvalid: options.onInvalid,
    held: options.held,
  })
  guardLink(link, options.tls, channel)
  return link
}

type NoLink = Exclude<HandshakeResult, Linked> | Exclude<ChannelResult, { kind: 'secured' }>

function handshakeError(place: string, result: NoLink): DialError {
  if (result.kind === 'refused') {
    const sentence = `${place} refused the connection: ${refusalSentences[result.code]} (${result.detail}).`
    return new DialError(result.code, sentence, { place }, false)
  }
  const details = { place, cause: result.cause }
  return new DialError(
    'HANDSHAKE_FAILED',
    `The handshake with ${place} failed: ${result.detail}.`,
    details,
    false,
  )
}

function closedError(place: string, detail: string, cause: unknown): DialError {
  const message = `No connection to ${place}: ${detail}.`
  return new DialError('LINK_CLOSED', message, { place, cause }, isRefused(cause))
}

/**
 * A host with several addresses fails with one error for each of them. It counts as refused only if all of
 * them refused.
 */
function isRefused(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.length > 0 && cause.errors.every(isRefused)
  return systemCodeOf(cause) === 'ECONNREFUSED'
}

function timeoutCause(): Error {
  return Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })
}
