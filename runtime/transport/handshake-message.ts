import { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import {
  CODE_SUBJECT,
  isRole,
  LAUNCHER_SUBJECT,
  type LocalIdentity,
  MASTER_SUBJECT,
  type Role,
} from './identity.js'
import type { IncarnationProof } from './incarnation-key.js'
import {
  commonProtocol,
  formatProtocols,
  ownProtocols,
  type ProtocolRange,
  parseProtocols,
} from './protocol-range.js'
import { joinIdOf, tokenIdOf } from './token.js'

export const NONCE_BYTES = 32
export const PROOF_BYTES = 32

const TEXT_LENGTH_MAX = innerLimits.handshakeTextChars
const ADDRESS_LENGTH_MAX = innerLimits.handshakeAddressChars
const NODE_MAJOR_MAX = 999
/** A public key of Ed25519 has 32 bytes, a signature 64. */
const KEY_CHARS = 43
const SIGNATURE_CHARS = 86

/** Why a peer is refused. It is told before the connection ends. */
export const refusalCodes = [
  'SECRET_WRONG',
  'CLUSTER_MISMATCH',
  'VERSION_UNSUPPORTED',
  'CREDENTIAL_ENDED',
  'TLS_MISMATCH',
  'CERTIFICATE_REFUSED',
  'HANDSHAKE_FAILED',
] as const
export type RefusalCode = (typeof refusalCodes)[number]

const isRefusalCode = (code: string): code is RefusalCode =>
  (refusalCodes as readonly string[]).includes(code)

/** First message of the dialer. */
export interface Hello {
  readonly type: 'hello'
  /**
   * The protocols that the sender speaks, as `formatProtocols` writes them. The highest common one is used.
   */
  readonly protocols: string
  /**
   * '' from a client that knows only an address: any cluster with the same secret will do, and the client
   * learns its name.
   */
  readonly cluster: string
  readonly role: Role
  readonly subject?: string
  readonly incarnation: string
  /** 32 fresh random bytes, in hex. */
  readonly nonce: string
  readonly nodeMajor: number
  readonly advertise?: string
}

/** First message of the acceptor. */
export type HelloBack = Omit<Hello, 'type' | 'role' | 'subject'> & { readonly type: 'hello-back' }

/** That of the dialer also proves its incarnation, where that is named after a key. */
export interface Proof extends Partial<IncarnationProof> {
  readonly type: 'proof'
  /** HMAC-SHA256, in hex. */
  readonly mac: string
}

export interface Refusal {
  readonly type: 'refused'
  readonly code: RefusalCode
  /** Protocols of the side that refuses. */
  readonly protocols: string
}

export type HandshakeMessage = Hello | HelloBack | Proof | Refusal

/** The part of both hellos that describes the sender. */
export function selfDescription(
  identity: LocalIdentity,
  nonce: Buffer,
  nodeMajor: number,
  protocols: ProtocolRange,
): Omit<Hello, 'type' | 'role' | 'subject'> {
  const advertise = identity.advertise === undefined ? {} : { advertise: identity.advertise }
  return {
    protocols: formatProtocols(protocols),
    cluster: identity.cluster,
    incarnation: identity.incarnation,
    nonce: nonce.toString('hex'),
    nodeMajor,
    ...advertise,
  }
}

/** Encodes the body of a handshake frame. Throws HANDSHAKE_FAILED if our own names do not fit. */
export function encodeHandshake(message: HandshakeMessage): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8')
  const own = 'protocols' in message ? parseProtocols(message.protocols) : undefined
  if (body.length > limits.handshakeBytes || readHandshake(body, own) === undefined) {
    throw new FiresteelError(
      'HANDSHAKE_FAILED',
      'Our own cluster name, incarnation, subject or address does not fit into a handshake message. Use a shorter, printable name.',
    )
  }
  return body
}

/** A hello of a peer with which we have no protocol in common. */
export interface NoCommonProtocol {
  readonly type: 'no-common-protocol'
  readonly protocols: ProtocolRange
}

/**
 * Reads a handshake message; undefined if it is none. Without a common protocol only `protocols` is read.
 * Otherwise unknown fields are ignored.
 */
export function readHandshake(
  body: Buffer,
  own: ProtocolRange = ownProtocols,
): HandshakeMessage | NoCommonProtocol | undefined {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = value as Record<string, unknown>
  const type = Object.hasOwn(fields, 'type') ? fields.type : undefined
  if (type === 'proof') return readProof(fields)
  if (type === 'refused') return readRefusal(fields)
  if (type !== 'hello' && type !== 'hello-back') return undefined
  const protocols = parseProtocols(fields.protocols)
  if (!protocols) return undefined
  if (commonProtocol(protocols, own) === undefined) return { type: 'no-common-protocol', protocols }
  return type === 'hello' ? readHello(fields) : readHelloBack(fields)
}

function readHello(fields: Record<string, unknown>): Hello | undefined {
  const anyCluster = fields.role === 'client' && fields.cluster === ''
  if (!describesSelf(fields, anyCluster) || !isRole(fields.role)) return undefined
  if (fields.role === 'worker' && !(isText(fields.subject) && joinIdOf(fields.subject))) return undefined
  const namesSubject = ['driver', 'application', 'worker'].includes(fields.role)
  const { subject } = fields
  const isOfNode = fields.role === 'node' && (subject === MASTER_SUBJECT || subject === LAUNCHER_SUBJECT)
  const isToken = fields.role === 'client' && isText(subject) && tokenIdOf(subject) !== undefined
  const isKnown = isOfNode || isToken || (!namesSubject && fields.subject === CODE_SUBJECT)
  if (namesSubject !== isText(fields.subject) && !isKnown) return undefined
  if (!namesSubject && !isKnown && fields.subject !== undefined) return undefined
  return fields as unknown as Hello
}

function readHelloBack(fields: Record<string, unknown>): HelloBack | undefined {
  return describesSelf(fields) ? (fields as unknown as HelloBack) : undefined
}

function readProof(fields: Record<string, unknown>): Proof | undefined {
  const { mac, key, signature } = fields
  const isWhole = isBase64(key, KEY_CHARS) && isBase64(signature, SIGNATURE_CHARS)
  const isPlain = key === undefined && signature === undefined
  return isHex(mac, PROOF_BYTES) && (isPlain || isWhole) ? (fields as unknown as Proof) : undefined
}

function readRefusal(fields: Record<string, unknown>): Refusal | undefined {
  const { code, protocols } = fields
  if (typeof code !== 'string' || typeof protocols !== 'string' || !parseProtocols(protocols))
    return undefined
  // A later version may have other reasons: this is a refusal all the same.
  return { type: 'refused', code: isRefusalCode(code) ? code : 'HANDSHAKE_FAILED', protocols }
}

function describesSelf(fields: Record<string, unknown>, anyCluster = false): boolean {
  return (
    (anyCluster || isText(fields.cluster)) &&
    isText(fields.incarnation) &&
    isHex(fields.nonce, NONCE_BYTES) &&
    isCount(fields.nodeMajor, NODE_MAJOR_MAX) &&
    (fields.advertise === undefined || isAddress(fields.advertise))
  )
}

/** The text must be printable, because it goes into logs before the peer is authenticated. */
function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= TEXT_LENGTH_MAX &&
    /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(value)
  )
}

function isHex(value: unknown, bytes: number): value is string {
  return typeof value === 'string' && value.length === bytes * 2 && /^[0-9a-f]+$/.test(value)
}

function isBase64(value: unknown, chars: number): value is string {
  return typeof value === 'string' && value.length === chars && /^[A-Za-z0-9_-]+$/.test(value)
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > ADDRESS_LENGTH_MAX) return false
  const port = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):([0-9]{1,5})$/.exec(value)?.[1]
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65535
}
