import { splitHostPort } from '../addresses.js'
import { FiresteelError } from '../errors.js'
import type { ActorSystem } from '../system/actor-system.js'
import type { AskOptions } from '../system/behavior.js'
import {
  type Cause,
  type Envelope,
  isWireEnvelope,
  type Sink,
  type WireEnvelope,
} from '../system/envelope.js'
import type { Message, Ref } from '../system/ref.js'
import { failureViolation, systemPath, systemViolation } from '../system/system-messages.js'
import { throwUncaught } from '../system/uncaught.js'
import { isNodeRole, type PeerIdentity } from './identity.js'
import type { Link } from './link.js'
import type { LinkEnd } from './link-end.js'
import { LinkTable } from './link-table.js'
import { MailboxShare } from './mailbox-share.js'

/** To the served actor: a link is open. Nothing from its peer comes before this. */
export interface LinkUp {
  readonly type: 'LinkUp'
  readonly peer: PeerIdentity
  /** Host address of our side of this link. */
  readonly localHost: string
}

/**
 * To the served actor: the link has ended. Nothing from its peer comes after this. It is not the death of the
 * peer (protocol R7).
 */
export interface LinkDown {
  readonly type: 'LinkDown'
  readonly peer: PeerIdentity
  readonly end: LinkEnd
}

export type LinkMessage = LinkUp | LinkDown

/** A message as the actor gets it, or why it does not. */
export type CheckedMessage =
  | { readonly message: Message; readonly reason?: undefined }
  | { readonly reason: string }

export interface GatewayOptions {
  readonly system: ActorSystem
  /** What is let in of a message from outside, or why it is not acceptable here. */
  readonly check: (message: unknown) => CheckedMessage
  /** Whether this peer may send this type at all. Default: yes (protocol S6). */
  readonly admit?: (peer: PeerIdentity, type: string) => boolean
  /** Whether this type is answered. What is not may not be asked, or its asker would wait. Default: yes. */
  readonly isQuestion?: (type: string) => boolean
  /** Path of the actor behind a peer, such as /user/Master. */
  readonly remotePath: (peer: PeerIdentity) => string
  /** Called for each dropped message with its sender and the reason. The callee must limit what it logs. */
  readonly onRejected?: (peer: PeerIdentity, reason: string) => void
}

/**
 * A link as the actor system sees it, found in `envelope.sink`. A trace keeps envelopes, and so their sinks,
 * long after their links have ended. A sink therefore drops its link when that has ended, so that the buffers
 * are freed.
 */
class PeerSink implements Sink {
  readonly path: string
  readonly incarnation: string
  readonly isNode: boolean
  readonly host: string
  readonly peer: PeerIdentity
  #link: Link | undefined
  readonly #share: MailboxShare<PeerSink>

  constructor(link: Link, share: MailboxShare<PeerSink>) {
    const { cluster, advertise, address, incarnation } = link.peer
    this.path = `firesteel://${cluster}@${advertise ?? address}`
    this.incarnation = incarnation
    this.isNode = isNodeRole(link.peer.role)
    this.host = splitHostPort(address).host
    this.peer = link.peer
    this.#link = link
    this.#share = share
  }

  queued(envelope: Envelope): void {
    this.#share.queued(this, envelope)
  }

  taken(envelope: Envelope): void {
    this.#share.taken(this, envelope)
  }

  send(envelope: WireEnvelope & { bytes?: number }): boolean {
    const link = this.#link
    if (!link?.isOpen) return false
    // False means "slow down", and the link ends itself at its bound. The envelope is accepted either way.
    link.send(envelope)
    envelope.bytes = link.lastEnvelopeBytes
    return true
  }

  /** Its share of the mailbox has capacity again. */
  goOn(): void {
    this.#link?.goOn()
  }

  /** Called when the link has ended. */
  letGo(): void {
    this.#link = undefined
  }
}

/** The peer that sent this over a link; undefined for a message of this process. */
export function peerOf(envelope: Envelope): PeerIdentity | undefined {
  return envelope.sink instanceof PeerSink ? envelope.sink.peer : undefined
}

/**
 * Joins the links of a process with the one actor that they serve. It validates each message once, at the
 * boundary, and turns links into references. An unknown or malformed message is counted, reported with its
 * sender and dropped.
 */
export class Gateway<M extends Message> {
  readonly #options: GatewayOptions
  readonly #links = new LinkTable<Link>()
  /** What waits in the actor's mailbox, by link. */
  readonly #share = new MailboxShare<PeerSink>((sink) => sink.goOn())
  readonly #refs = new Map<string, { readonly link: Link; readonly ref: Ref<Message> }>()
  #actor: Ref<M | LinkMessage> | undefined
  #rejected = 0

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** Messages that were dropped at the boundary so far. */
  get rejected(): number {
    return this.#rejected
  }

  get links(): Iterable<Link> {
    return this.#links
  }

  /** Sets the actor that receives LinkUp, LinkDown and every message of the peers. */
  serve(actor: Ref<M | LinkMessage>): void {
    this.#actor = actor
  }

  /**
   * Adds a new link. An older link to the same incarnation ends, and what it has not read is lost (protocol
   * R3).
   */
  attach(link: Link): void {
    const actor = this.#actor
    if (!actor) {
      link.close('no actor is served here yet')
      return
    }
    const { system, remotePath } = this.#options
    const { peer } = link
    if (!this.#links.add(link)) return
    const sink = new PeerSink(link, this.#share)
    this.#refs.set(peer.incarnation, { link, ref: system.remote(sink, remotePath(peer)) })
    link.setReceiver({
      capacity: () => this.#share.capacity(sink),
      envelope: (raw, bytes) => this.#receive(sink, raw, bytes),
      payload: () => {
        throw new FiresteelError(
          'FRAME_INVALID',
          'The peer sent task payload on a control link, which carries none. The link ends.',
        )
      },
      drain: () => {},
      closed: (end) => {
        sink.letGo()
        this.#share.left(sink)
        if (this.#refs.get(peer.incarnation)?.link === link) this.#refs.delete(peer.incarnation)
        system.disconnect(sink)
        // A replaced link is no LinkDown for its peer: the newer link is already up.
        if (end.kind !== 'replaced') this.#tellActor({ type: 'LinkDown', peer, end })
      },
    })
    this.#tellActor({ type: 'LinkUp', peer, localHost: link.localAddress })
  }

  /** The open link to an incarnation. */
  link(incarnation: string): Link | undefined {
    return this.#links.get(incarnation)
  }

  /** False: there is no such link, or it is over its bound. */
  send(incarnation: string, message: Message, cause?: Cause): boolean {
    const entry = this.#refs.get(incarnation)
    if (!entry?.link.isOpen) return false
    return this.#options.system.tell(entry.ref, message, this.#actor, cause)
  }

  /** Rejects with LINK_CLOSED if there is no link, with the error of a Failure, or with ASK_TIMEOUT. */
  ask<R extends Message>(incarnation: string, message: Message, options?: AskOptions): Promise<R> {
    const { system } = this.#options
    const entry = this.#refs.get(incarnation)
    const ref = entry?.ref ?? system.remote(closedSink, '/user/nobody')
    return system.ask<R, Message>(ref, message, options)
  }

  close(incarnation: string, reason: string): void {
    this.#links.get(incarnation)?.close(reason)
  }

  /** The actor refuses what this peer asked for. */
  refused(incarnation: string, reason: string): void {
    const peer = this.#links.get(incarnation)?.peer
    if (!peer) return
    this.#rejected++
    this.#options.onRejected?.(peer, reason)
  }

  closeAll(reason: string): void {
    this.#links.closeAll(reason)
  }

  #tellActor(message: LinkMessage): void {
    if (this.#actor) this.#options.system.tell<LinkMessage>(this.#actor as Ref<LinkMessage>, message)
  }

  /** Throws FRAME_INVALID for a value that is not an envelope; that ends the link. */
  #receive(sink: PeerSink, raw: unknown, bytes: number): void {
    if (!isWireEnvelope(raw))
      throw new FiresteelError(
        'FRAME_INVALID',
        'The peer sent a value that is not an envelope. The link ends.',
      )
    const checked = this.#checked(sink.peer, raw)
    if (checked.reason !== undefined) {
      this.#reject(sink, raw, checked.reason)
      return
    }
    try {
      this.#options.system.receive(sink, { ...raw, message: checked.message }, bytes)
    } catch (error) {
      // No message of a peer can make this throw. So this is a defect of ours, and no reason to end the
      // peer's link.
      throwUncaught(error)
    }
  }

  #checked(peer: PeerIdentity, wire: WireEnvelope): CheckedMessage {
    const { message, ask } = wire
    const { type } = message
    if (typeof type !== 'string') return { reason: 'no type' }
    const checked = this.#fit(peer, wire, type)
    if (checked.reason !== undefined || ask === undefined) return checked
    return asItIs(checked.message, this.#unanswered(wire, type))
  }

  #fit(peer: PeerIdentity, { to, message, answer }: WireEnvelope, type: string): CheckedMessage {
    const { check, admit } = this.#options
    if (answer !== undefined && type === 'Failure') return asItIs(message, failureViolation(message))
    if (to === systemPath && answer === undefined) {
      // Only Masters and Workers watch each other's actors.
      if (!isNodeRole(peer.role)) return { reason: `${type} is not for a ${peer.role}` }
      return asItIs(message, systemViolation(message))
    }
    if (admit && !admit(peer, type)) return { reason: `${type} is not for a ${peer.role}` }
    const checked = check(message)
    return checked.reason === undefined && answer === undefined && !this.#serves(to)
      ? { reason: `no actor ${to}` }
      : checked
  }

  /** A question that nobody answers would be kept for nothing. */
  #unanswered({ to, answer }: WireEnvelope, type: string): string | undefined {
    const { isQuestion } = this.#options
    const isAnswered = to !== systemPath && answer === undefined && (isQuestion?.(type) ?? true)
    return isAnswered ? undefined : `${type} is no question`
  }

  /** Peers may send to the served actor only. */
  #serves(to: string): boolean {
    const path = this.#actor?.path
    return path !== undefined && path.slice(path.indexOf('/user/')) === to
  }

  /** Drops the message. A peer that asked gets the reason at once instead of a time-out. */
  #reject(sink: PeerSink, wire: WireEnvelope, reason: string): void {
    this.#rejected++
    this.#options.onRejected?.(sink.peer, reason)
    if (wire.ask === undefined) return
    const failure = { type: 'Failure', code: 'FIRESTEEL_REQUEST_INVALID', message: reason } as const
    this.#options.system.refuse(sink, wire, failure)
  }
}

const closedSink: Sink = { path: 'firesteel://closed', send: () => false }

const asItIs = (message: Message, reason: string | undefined): CheckedMessage =>
  reason === undefined ? { message } : { reason }
