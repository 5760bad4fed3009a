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
export const ticketFor = (
  role: Role | undefined,
  make: (() => PageTicket) | undefined,
): PageTicket | Failure => (make && (role === 'client' || role === 'node') ? make() : refused)
