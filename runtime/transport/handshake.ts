import { Buffer } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { describeRange } from '../version-range.js'
import {
  encodeHandshake,
  type Hello,
  type HelloBack,
  type Proof,
  type RefusalCode,
  readHandshake,
  selfDescription,
} from './handshake-message.js'
import type { LocalIdentity, ProvenPeer, Role } from './identity.js'
import { isKeyed, provesIncarnation } from './incarnation-key.js'
import {
  commonProtocol,
  formatProtocols,
  ownProtocols,
  type ProtocolRange,
  parseProtocols,
} from './protocol-range.js'

/**
 * What to do after a message of the other side: handshake frame bodies to send, and whether the handshake is
 * over.
 */
export type HandshakeStep =
  | { readonly kind: 'waiting'; readonly send?: Buffer }
  | { readonly kind: 'linked'; readonly send?: Buffer; readonly peer: ProvenPeer }
  | { readonly kind: 'refused'; readonly send?: Buffer; readonly code: RefusalCode; readonly detail: string }

export interface HandshakeSide {
  readonly identity: LocalIdentity
  readonly nodeMajor: number
  /** 32 fresh random bytes. */
  readonly nonce: Buffer
  /** The protocols of this side. Default: those of this build. */
  readonly protocols?: ProtocolRange
  /** The TLS exporter value, if there is TLS. It ties the proof to this connection. */
  readonly channelBinding?: Buffer | undefined
}

export interface DialerSide extends HandshakeSide {
  readonly role: Role
  readonly subject?: string | undefined
  readonly key: Buffer
}

export interface AcceptorSide extends HandshakeSide {
  /** Returns the key of a role and subject; undefined if there is none. */
  readonly keyFor: (role: Role, subject?: string) => Buffer | undefined
  /**
   * Why a peer that has proved its key is refused all the same; undefined: it is not. It is asked last, so
   * that a stranger learns nothing about the credentials of others.
   */
  readonly refuses?: ((role: Role, subject?: string) => RefusalCode | undefined) | undefined
}

const DIALER_LABEL = 'firesteel/1 dialler'
const ACCEPTOR_LABEL = 'firesteel/1 acceptor'

/** HMAC over direction label, hash of both hellos and channel binding, with the role's key (protocol 16). */
function proofOf(key: Buffer, label: string, transcript: Buffer): Buffer {
  return createHmac('sha256', key).update(label).update('\0').update(transcript).digest()
}

function transcriptOf(hello: Buffer, helloBack: Buffer, binding: Buffer | undefined): Buffer {
  const hash = createHash('sha256')
  for (const part of [hello, helloBack, binding ?? Buffer.alloc(0)]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    hash.update(length).update(part)
  }
  return hash.digest()
}

function refuse(code: RefusalCode, detail: string, tell?: ProtocolRange): HandshakeStep {
  if (!tell) return { kind: 'refused', code, detail }
  return {
    kind: 'refused',
    code,
    detail,
    send: encodeHandshake({ type: 'refused', code, protocols: formatProtocols(tell) }),
  }
}

/** Both ranges for the operator: one of the two sides must be upgraded. */
const bothRanges = (theirs: ProtocolRange, ours: ProtocolRange): string =>
  `it speaks protocol ${describeRange(theirs)}, we speak ${describeRange(ours)}`

function peerOf(
  hello: Hello | HelloBack,
  role: Role,
  subject: string | undefined,
  ours: ProtocolRange,
): ProvenPeer {
  const theirs = parseProtocols(hello.protocols)
  return {
    role,
    // Both hellos are part of what was proved, so nobody in between can have lowered the version.
    protocol: (theirs && commonProtocol(theirs, ours)) ?? ours.min,
    ...(subject === undefined ? {} : { subject }),
    incarnation: hello.incarnation,
    cluster: hello.cluster,
    ...(hello.advertise === undefined ? {} : { advertise: hello.advertise }),
    nodeMajor: hello.nodeMajor,
  }
}

/** The dialer's side: it sends hello and proof, then checks the proof of the other side. */
export class DialerHandshake {
  readonly #side: DialerSide
  readonly #ours: ProtocolRange
  readonly #hello: Buffer
  #back: HelloBack | undefined
  #transcript: Buffer | undefined

  /** Throws HANDSHAKE_FAILED if our own names do not fit. */
  constructor(side: DialerSide) {
    this.#side = side
    this.#ours = side.protocols ?? ownProtocols
    this.#hello = encodeHandshake({
      type: 'hello',
      ...selfDescription(side.identity, side.nonce, side.nodeMajor, this.#ours),
      role: side.role,
      ...(side.subject === undefined ? {} : { subject: side.subject }),
    })
  }

  start(): Buffer {
    return this.#hello
  }

  receive(body: Buffer): HandshakeStep {
    const ours = this.#ours
    const message = readHandshake(body, ours)
    if (message?.type === 'refused') {
      const theirs = parseProtocols(message.protocols)
      const isVersion = message.code === 'VERSION_UNSUPPORTED' && theirs !== undefined
      return refuse(message.code, isVersion ? bothRanges(theirs, ours) : 'the other side refused')
    }
    if (message?.type === 'no-common-protocol') {
      return refuse('VERSION_UNSUPPORTED', bothRanges(message.protocols, ours))
    }
    if (this.#back === undefined && message?.type === 'hello-back') return this.#prove(body, message)
    if (this.#back !== undefined && message?.type === 'proof') return this.#check(message.mac, this.#back)
    return refuse('HANDSHAKE_FAILED', 'the answer is no handshake')
  }

  #prove(body: Buffer, back: HelloBack): HandshakeStep {
    const { identity, nonce, key, channelBinding } = this.#side
    const anyCluster = identity.cluster === ''
    if (!anyCluster && back.cluster !== identity.cluster)
      return refuse('CLUSTER_MISMATCH', 'another cluster answers')
    if (back.nonce === nonce.toString('hex')) return refuse('HANDSHAKE_FAILED', 'our own nonce came back')
    if (back.incarnation === identity.incarnation) {
      return refuse('HANDSHAKE_FAILED', 'the address leads back to this process')
    }
    this.#back = back
    this.#transcript = transcriptOf(this.#hello, body, channelBinding)
    const mac = proofOf(key, DIALER_LABEL, this.#transcript).toString('hex')
    const ofIncarnation = identity.own?.prove(this.#transcript)
    return { kind: 'waiting', send: encodeHandshake({ type: 'proof', mac, ...ofIncarnation }) }
  }

  #check(mac: string, back: HelloBack): HandshakeStep {
    const { key, role, subject } = this.#side
    const expected = proofOf(key, ACCEPTOR_LABEL, this.#transcript as Buffer)
    if (!timingSafeEqual(expected, Buffer.from(mac, 'hex'))) {
      return refuse('SECRET_WRONG', 'the other side did not prove the secret')
    }
    // Only who has the cluster's secret can derive the key of a Worker's token, besides that Worker.
    if (role === 'worker') return { kind: 'linked', peer: peerOf(back, 'node', undefined, this.#ours) }
    return { kind: 'linked', peer: peerOf(back, role, subject, this.#ours) }
  }
}

/**
 * The acceptor's side: it answers a hello with a nonce, and proves nothing before the dialer has proved
 * itself.
 */
export class AcceptorHandshake {
  readonly #side: AcceptorSide
  readonly #ours: ProtocolRange
  #hello: Hello | undefined
  #key: Buffer | undefined
  #transcript: Buffer | undefined

  constructor(side: AcceptorSide) {
    this.#side = side
    this.#ours = side.protocols ?? ownProtocols
  }

  receive(body: Buffer): HandshakeStep {
    const ours = this.#ours
    const message = readHandshake(body, ours)
    if (message?.type === 'no-common-protocol') {
      return refuse('VERSION_UNSUPPORTED', bothRanges(message.protocols, ours), ours)
    }
    // A dialer that does not trust our certificate says so before it says anything else.
    if (message?.type === 'refused') return refuse(message.code, 'the dialer refused')
    if (this.#hello === undefined && message?.type === 'hello') return this.#answer(body, message)
    if (this.#hello !== undefined && message?.type === 'proof') return this.#check(message, this.#hello)
    return refuse('HANDSHAKE_FAILED', 'the message is no handshake', this.#ours)
  }

  #answer(body: Buffer, hello: Hello): HandshakeStep {
    const { identity, nonce, nodeMajor, keyFor, channelBinding } = this.#side
    if (hello.cluster !== '' && hello.cluster !== identity.cluster) {
      return refuse('CLUSTER_MISMATCH', `it dials cluster ${hello.cluster}`, this.#ours)
    }
    if (hello.nonce === nonce.toString('hex'))
      return refuse('HANDSHAKE_FAILED', 'our own nonce came back', this.#ours)
    if (hello.incarnation === identity.incarnation) {
      return refuse('HANDSHAKE_FAILED', 'the dialer is this process', this.#ours)
    }
    const back = encodeHandshake({
      type: 'hello-back',
      ...selfDescription(identity, nonce, nodeMajor, this.#ours),
    })
    this.#hello = hello
    this.#key = keyFor(hello.role, hello.subject)
    this.#transcript = transcriptOf(body, back, channelBinding)
    return { kind: 'waiting', send: back }
  }

  #check(claim: Proof, hello: Hello): HandshakeStep {
    const key = this.#key
    const transcript = this.#transcript as Buffer
    // Compare also when there is no such key, so that a peer that guesses subjects learns nothing from the
    // timing.
    const fits = timingSafeEqual(
      proofOf(key ?? transcript, DIALER_LABEL, transcript),
      Buffer.from(claim.mac, 'hex'),
    )
    const subject = hello.subject === undefined ? '' : ` ${hello.subject}`
    const who = `as ${hello.role}${subject}, incarnation ${hello.incarnation}`
    if (!fits || key === undefined) return refuse('SECRET_WRONG', who, this.#ours)
    if (isKeyed(hello.incarnation) && !provesIncarnation(hello.incarnation, claim, transcript))
      return refuse('HANDSHAKE_FAILED', `it did not prove its incarnation, ${who}`, this.#ours)
    const refusal = this.#side.refuses?.(hello.role, hello.subject)
    if (refusal !== undefined) return refuse(refusal, who, this.#ours)
    const proof = proofOf(key, ACCEPTOR_LABEL, transcript).toString('hex')
    return {
      kind: 'linked',
      peer: { ...peerOf(hello, hello.role, hello.subject, this.#ours), cluster: this.#side.identity.cluster },
      send: encodeHandshake({ type: 'proof', mac: proof }),
    }
  }
}
