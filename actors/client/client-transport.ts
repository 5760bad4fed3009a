import { type Clock, systemClock } from '../../runtime/clock.js'
import type { Log } from '../../runtime/observe/log.js'
import { ThrottledLog } from '../../runtime/observe/log-throttle.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import { logDeadLetters } from '../../runtime/system/dead-letters.js'
import { createSystem } from '../../runtime/system/system.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { TraceRing } from '../../runtime/trace/ring.js'
import { Dialer, type DialerOptions } from '../../runtime/transport/dialer.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { IncarnationKey } from '../../runtime/transport/incarnation-key.js'
import { PeerComplaints } from '../../runtime/transport/peer-complaints.js'
import { type ClientMessage, checked, isQuestion } from '../messages/catalogue.js'
import type { Credential, LauncherCredential } from './credential.js'

export interface ClientTransportOptions
  extends Pick<DialerOptions, 'timers' | 'random' | 'dialWith' | 'onFailed' | 'onRefused'> {
  /** '' if only an address is known: the handshake then tells the name. */
  readonly cluster: string
  readonly incarnation: string
  /** The key of this incarnation. */
  readonly own?: IncarnationKey | undefined
  readonly credential: Credential | LauncherCredential
  readonly log: Log
  readonly clock?: Clock | undefined
  /** The highest epoch that this client has obeyed. */
  readonly epoch: () => number
  /** Its messages, for a trace. A command needs none, because nobody asks it for a trace. */
  readonly ring?: TraceRing
  /** The span that its messages belong to. */
  readonly context: () => TraceContext | undefined
  /** Path of the actor behind a peer. */
  readonly remotePath: (peer: PeerIdentity) => string
  /** Called if the client's actor fails, which is a defect of Firesteel. */
  readonly onDefect: (error: unknown) => void
}

/**
 * What applications and commands have in common: an actor system of its own, so that several clients in one
 * process stay apart, the gateway of its one actor, and the links to the Masters that it dials.
 */
export class ClientTransport {
  readonly throttle: ThrottledLog
  readonly complaints: PeerComplaints
  readonly system: ActorSystem
  readonly gateway: Gateway<ClientMessage>
  /** Keeps the links to Masters. */
  readonly dialer: Dialer
  /** Incarnation of a Master -> the address at which it was dialled. */
  readonly #addresses = new Map<string, string>()
  #cluster: string

  constructor(options: ClientTransportOptions) {
    const {
      cluster,
      incarnation,
      own,
      credential,
      log,
      clock = systemClock,
      timers,
      random,
      dialWith,
    } = options
    const { epoch, ring, context, remotePath, onDefect, onFailed, onRefused } = options
    this.#cluster = cluster
    this.throttle = new ThrottledLog(log)
    this.complaints = new PeerComplaints(this.throttle)
    this.system = createSystem({
      name: `firesteel://${this.cluster}@client:0`,
      askerPath: '/client',
      clock,
      ...(timers && { timers }),
      epoch,
      context,
      ...(ring && { ring }),
      onDeadLetter: logDeadLetters(this.throttle),
      onFailure: ({ error }) => onDefect(error),
    })
    this.gateway = new Gateway<ClientMessage>({
      system: this.system,
      check: (message) => checked('client', message),
      isQuestion: (type) => isQuestion('client', type),
      remotePath,
      onRejected: this.complaints.dropped,
    })
    this.dialer = new Dialer({
      identity: { cluster, incarnation, own },
      ...credential,
      clock,
      ...(timers && { timers }),
      ...(random && { random }),
      ...(dialWith && { dialWith }),
      onLink: (address, link) => {
        this.#cluster ||= link.peer.cluster
        this.#addresses.set(link.peer.incarnation, address)
        this.gateway.attach(link)
      },
      onInvalid: (address, { detail }) =>
        this.throttle.warn(`frame:${address}`, 'a Master sent what cannot be read', { address, detail }),
      ...(onFailed && { onFailed }),
      ...(onRefused && { onRefused }),
    })
  }

  /** Name of the cluster. If no name was given, the first Master tells it. */
  get cluster(): string {
    return this.#cluster || 'unnamed'
  }

  /** The address at which this Master was dialled; '' if it was not. */
  addressOf(incarnation: string): string {
    return this.#addresses.get(incarnation) ?? ''
  }
}
