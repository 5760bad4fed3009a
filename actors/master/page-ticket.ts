import type { Log } from '../../runtime/observe/log.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import { tokenIdOf } from '../../runtime/transport/token.js'
import type { Failure } from '../messages/common.js'
import type { PageTicket } from '../messages/pages.js'

const refused: Failure = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_ALLOWED',
  message: 'only a client of the cluster gets a session of the pages',
}

const isOff: Failure = {
  type: 'Failure',
  code: 'FIRESTEEL_HTTP_OFF',
  message: 'the Master that leads has no HTTP, and so no pages',
}

/**
 * The answer to a peer that asks for a ticket. Its session may do what the peer may: as its token, or as who
 * has the cluster's secret. A program in the cluster gets none, because it is nobody who reads pages.
 */
export function ticketFor(
  peer: (Pick<PeerIdentity, 'role' | 'subject'> & Partial<Pick<PeerIdentity, 'address'>>) | undefined,
  {
    pageTicket: make,
    log,
  }: { readonly pageTicket?: ((subject?: string) => PageTicket) | undefined; readonly log: Log },
): PageTicket | Failure {
  if (peer?.role !== 'node' && peer?.role !== 'client') return refused
  if (!make) return isOff
  const subject = peer.role === 'client' ? tokenIdOf(peer.subject) : undefined
  log.info('a ticket for the pages was given', { to: peer.address, token: subject })
  return make(subject)
}
