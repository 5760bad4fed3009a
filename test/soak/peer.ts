import { randomBytes } from 'node:crypto'
import type { WireEnvelope } from '../../runtime/system/envelope.js'
import type { Message } from '../../runtime/system/ref.js'
import type { TlsSource } from '../../runtime/tls/tls-source.js'
import { dial } from '../../runtime/transport/dial.js'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'

export type Received = Message & Readonly<Record<string, unknown>>

export interface PeerPlace {
  readonly cluster: string
  readonly secret: string
  /** The certificate of a node that it has, too. */
  readonly tls?: TlsSource | undefined
  /** host:port of the Master's listener. */
  readonly listener: string
}

let nextId = 1

/** A malicious peer with a key of the cluster. It can send anything over its link. */
export class Peer {
  readonly incarnation: string
  readonly #link: Link
  #isOpen = true

  private constructor(incarnation: string, link: Link) {
    this.incarnation = incarnation
    this.#link = link
  }

  /** `onHeard` gets each message that arrives. Rejects if the Master refuses the link. */
  static async dial(
    { cluster, secret, tls, listener }: PeerPlace,
    role: Role,
    onReceived: (message: Received, peer: Peer) => void = () => undefined,
  ): Promise<Peer> {
    const incarnation = `stranger-${randomBytes(8).toString('hex')}`
    const separator = listener.lastIndexOf(':')
    const link = await dial({
      host: listener.slice(0, separator),
      port: Number(listener.slice(separator + 1)),
      identity: { cluster, incarnation },
      role,
      key: deriveKey(secret, role),
      tls,
    })
    const peer = new Peer(incarnation, link)
    link.setReceiver({
      envelope: (raw) => onReceived((raw as WireEnvelope).message as Received, peer),
      payload: () => undefined,
      drain: () => undefined,
      closed: () => {
        peer.#isOpen = false
      },
    })
    return peer
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * False: it was not sent, or the link is over its bound. `epoch`: the leadership that the peer claims to
   * act under.
   */
  tell(
    to: string,
    from: string,
    message: Message,
    { epoch = 0, ask }: { epoch?: number; ask?: boolean } = {},
  ): boolean {
    if (!this.#isOpen) return false
    const id = nextId++
    const question = ask ? { ask: `q${id}`, askMs: 10_000 } : {}
    return this.#link.send({ from, to, message, id, trace: id, epoch, ...question })
  }

  close(): void {
    this.#link.close()
  }
}
