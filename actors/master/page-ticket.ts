import type { Log } from '../../runtime/observe/log.js'
import type { Role } from '../../runtime/transport/identity.js'
import type { Failure } from '../messages/common.js'
import type { PageTicket } from '../messages/pages.js'

const refused: Failure = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_ALLOWED',
  message: 'only a holder of the key of commands may open a session',
}

/**
 * The answer to a peer that asks for a ticket. Whoever has the key of commands may do all that a page can. A
 * program in the cluster may not, because a page shows and kills what other users run.
 */
export function ticketFor(
  peer: { readonly role: Role; readonly address?: string | undefined } | undefined,
  { pageTicket: make, log }: { readonly pageTicket?: (() => PageTicket) | undefined; readonly log: Log },
): PageTicket | Failure {
  if (!make || (peer?.role !== 'client' && peer?.role !== 'node')) return refused
  log.info('a ticket for the pages was given', { to: peer.address })
  return make()
}
