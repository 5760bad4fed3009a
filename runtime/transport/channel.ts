import { Buffer } from 'node:buffer'
import { createHmac, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { isIpAddress } from '../addresses.js'
import { reasonOf, systemCodeOf } from '../errors.js'
import { chainOf, protocolOptions, type TlsSource } from '../tls/tls-source.js'
import { encodeFrame, frameKind } from './frame.js'
import { encodeHandshake, type RefusalCode } from './handshake-message.js'
import { formatProtocols, ownProtocols } from './protocol-range.js'

/**
 * How connections are secured. With certificates; or, between the processes of one application, by their own
 * key alone (a pre-shared key of TLS): a driver has no certificate, and needs none.
 */
export type ChannelSecurity = TlsSource | 'key'

/** First byte of every connection with TLS (RFC 8446, 5.1). No frame of ours begins with it. */
export const TLS_FIRST_BYTE = 0x16

/** The one suite that a pre-shared key of 32 bytes has in all versions of Node. */
export const keyOptions = { ...protocolOptions, ciphers: 'TLS_AES_128_GCM_SHA256' } as const

/** The pre-shared key, apart from the key that proves itself inside the channel. */
export const channelKeyOf = (key: Buffer): Buffer =>
  createHmac('sha256', key).update('firesteel/1 channel', 'utf8').digest()

const BINDING_LABEL = 'EXPORTER-Channel-Binding'
const BINDING_BYTES = 32

/** What ties a proof to this connection: `tls-exporter` of RFC 9266. */
export const channelBindingOf = (socket: TLSSocket): Buffer =>
  socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0))

/** A connection that TLS secures. */
export interface Channel {
  readonly socket: TLSSocket
  readonly binding: Buffer
  /** The certificates of the other side, its own first. Empty: it showed none. */
  readonly chain: readonly X509Certificate[]
}

export const channelOf = (socket: TLSSocket): Channel => ({
  socket,
  binding: channelBindingOf(socket),
  chain: chainOf(socket.getPeerX509Certificate()),
})

export type ChannelResult =
  | ({ readonly kind: 'secured' } & Channel)
  | ({ readonly kind: 'refused' } & ChannelFailure)
  | { readonly kind: 'broken'; readonly detail: string; readonly cause?: unknown }

export interface SecureDial {
  readonly socket: Socket
  readonly host: string
  readonly security: ChannelSecurity
  readonly key: Buffer
  readonly subject: string | undefined
  /** Called once. After a success the channel has no listeners of ours. Otherwise it is being closed. */
  readonly done: (result: ChannelResult) => void
}

/** Begins TLS on an open connection. Who gives it up destroys the connection. */
export function secureDial({ socket: plain, host, security, key, subject = '', done }: SecureDial): void {
  // A name of a server is no address (RFC 6066, 3).
  const common: ConnectionOptions = { socket: plain, host, servername: isIpAddress(host) ? '' : host }
  const socket =
    security === 'key'
      ? connect({ ...common, ...keyDial(key, subject) })
      : // Judged below, so that the other side can be told.
        connect({ ...common, secureContext: security.context, rejectUnauthorized: false })
  let over = false
  const finish = (result: ChannelResult): void => {
    if (over) return
    over = true
    socket.off('error', onError).off('close', onClose).off('secureConnect', onSecure)
    if (result.kind !== 'secured') socket.on('error', () => undefined)
    done(result)
  }
  const onError = (error: Error): void => {
    const failure = channelFailure(error, security)
    finish(
      failure ? { kind: 'refused', ...failure } : { kind: 'broken', detail: reasonOf(error), cause: error },
    )
    socket.destroy()
  }
  const onClose = (): void => finish({ kind: 'broken', detail: 'the other side closed the connection' })
  const onSecure = (): void => {
    if (security === 'key' || socket.authorized) {
      finish({ kind: 'secured', ...channelOf(socket) })
      return
    }
    const detail = distrustOf(socket, host)
    tell(socket, 'CERTIFICATE_REFUSED')
    finish({ kind: 'refused', code: 'CERTIFICATE_REFUSED', detail })
  }
  socket.on('error', onError).on('close', onClose).on('secureConnect', onSecure)
}

function keyDial(key: Buffer, identity: string): ConnectionOptions {
  const shared = { psk: channelKeyOf(key), identity }
  // Only who has the key can answer, whatever its address.
  return { ...keyOptions, pskCallback: () => shared, checkServerIdentity: () => undefined }
}

/** Tells the other side why the connection ends, and ends it. */
export function tell(socket: Socket, code: RefusalCode): void {
  socket.end(encodeFrame(frameKind.handshake, refusalOf(code)))
}

/** Body of the frame that says so. */
export const refusalOf = (code: RefusalCode): Buffer =>
  encodeHandshake({ type: 'refused', code, protocols: formatProtocols(ownProtocols) })

function distrustOf(socket: TLSSocket, host: string): string {
  const code = String(socket.authorizationError)
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return certificateProblem(code)
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? 'none'
  return `its certificate is not for ${host}; its names are ${names}`
}

export interface ChannelFailure {
  readonly code: RefusalCode
  readonly detail: string
}

/** Why there is no channel; undefined: the connection broke, which says nothing of certificates. */
export function channelFailure(error: unknown, security: ChannelSecurity): ChannelFailure | undefined {
  const code = systemCodeOf(error)
  if (noTls.has(code)) return { code: 'TLS_MISMATCH', detail: 'the other side speaks no TLS' }
  if (security === 'key' && code.startsWith('ERR_SSL_'))
    return { code: 'SECRET_WRONG', detail: 'the other side has another key for this channel' }
  const told = toldRefusals.get(code.replace(/^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_/, ''))
  if (told !== undefined)
    return { code: 'CERTIFICATE_REFUSED', detail: `it says that our certificate ${told}` }
  return code.startsWith('ERR_SSL_')
    ? { code: 'HANDSHAKE_FAILED', detail: `TLS failed: ${wordsOf(code.replace('ERR_SSL_', ''))}` }
    : undefined
}

const wordsOf = (code: string): string => code.toLowerCase().replaceAll('_', ' ')

const noTls: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
])

const UNKNOWN_CA = 'was not signed by a CA that this side trusts'
/** Errors of OpenSSL's verification -> the rest of a sentence. */
const ownRefusals: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'has expired'],
  ['CERT_NOT_YET_VALID', 'is not valid yet'],
  ['CERT_REVOKED', 'is revoked'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_CA],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_CA],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_CA],
  ['CERT_SIGNATURE_FAILURE', UNKNOWN_CA],
  ['UNABLE_TO_GET_CRL', 'is of a CA without a revocation list here'],
  ['CRL_HAS_EXPIRED', 'cannot be checked: the revocation list is too old'],
  ['INVALID_PURPOSE', 'is not for this use (extended key usage)'],
])

/** Alerts (RFC 8446, 6.2) -> the rest of a sentence. */
const toldRefusals: ReadonlyMap<string, string> = new Map([
  ['UNKNOWN_CA', 'was not signed by a CA that it trusts'],
  ['CERTIFICATE_EXPIRED', 'has expired'],
  ['CERTIFICATE_REVOKED', 'is revoked'],
  ['BAD_CERTIFICATE', 'is for other hosts, or broken'],
  ['CERTIFICATE_UNKNOWN', 'is not acceptable'],
  ['UNSUPPORTED_CERTIFICATE', 'is not for this use'],
])

/** What OpenSSL says of a peer's certificate, for people. */
export const certificateProblem = (code: string): string =>
  `its certificate ${ownRefusals.get(code) ?? wordsOf(code)}`
