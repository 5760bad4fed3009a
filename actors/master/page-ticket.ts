import type { Log } from '../../runtime/observe/log.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import { mayAs, roleOf } from '../../runtime/transport/token.js'
import type { Failure } from '../messages/common.js'
import type { PageTicket } from '../messages/pages.js'

const refused: Failure = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_ALLOWED',
  message: 'a session may kill and drain, so it needs the role operate',
}

const isOff: Failure = {
  type: 'Failure',
  code: 'FIRESTEEL_HTTP_OFF',
  message: 'the Master that leads has no HTTP, and so no pages',
}

/**
 * The answer to a peer that asks for a ticket. Whoever has the key of commands may do all that a page can. A
 * program in the cluster may not, because a page shows and kills what other users run.
 */
export function ticketFor(
  peer: (Pick<PeerIdentity, 'role' | 'subject'> & Partial<Pick<PeerIdentity, 'address'>>) | undefined,
  { pageTicket: make, log }: { readonly pageTicket?: (() => PageTicket) | undefined; readonly log: Log },
): PageTicket | Failure {
  const may = peer?.role === 'node' || (peer?.role === 'client' && mayAs(roleOf(peer.subject), 'operate'))
  if (!may) return refused
  if (!make) return isOff
  log.info('a ticket for the pages was given', { to: peer?.address })
  return make()
}
