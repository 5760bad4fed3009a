import { splitHostPort } from '../addresses.js'
import type { NodeMetrics } from '../metrics/node-metrics.js'
import type { ThrottledLog } from '../observe/log-throttle.js'
import type { RefusalCode } from './handshake-message.js'
import type { PeerIdentity } from './identity.js'
import type { Rejection } from './listen.js'

type Peer = Pick<PeerIdentity, 'incarnation' | 'address'>

/**
 * What peers do wrong, for the log: the first of a kind at once, the others as a count. It is counted by the
 * host that the peer's packets come from. A peer chooses its incarnation and its port, and could write a line
 * with each of them.
 */
export class PeerComplaints {
  readonly #log: ThrottledLog
  readonly #metrics: NodeMetrics<RefusalCode> | undefined

  constructor(log: ThrottledLog, metrics?: NodeMetrics<RefusalCode>) {
    this.#log = log
    this.#metrics = metrics
  }

  readonly dropped = (peer: Peer, reason: string): void => {
    this.#metrics?.dropped.add('not_admitted')
    this.#complain('message', peer, 'a message was dropped', reason)
  }

  readonly unreadable = (peer: Peer, reason: string): void => {
    this.#metrics?.dropped.add('unreadable')
    this.#complain('frame', peer, 'a peer sent what cannot be read', reason)
  }

  readonly turnedAway = ({ address, code, detail }: Rejection): void => {
    this.#metrics?.refused.add(code)
    this.#log.warn(`door:${splitHostPort(address).host}`, 'a connection was refused', {
      address,
      code,
      detail,
    })
  }

  #complain(kind: string, { incarnation, address }: Peer, text: string, reason: string): void {
    this.#log.warn(`${kind}:${splitHostPort(address).host}`, text, { from: incarnation, address, reason })
  }
}
