import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { RequestPageTicket } from '../messages/pages.js'
import type { RequestTokenSecret } from '../messages/tokens.js'
import type { ClusterState } from './cluster-state.js'
import type { MasterOptions } from './master-options.js'
import { ticketFor } from './page-ticket.js'
import type { Now } from './step.js'
import { tokenSecretFor } from './token-secrets.js'

export type SecretQuestion = RequestPageTicket | RequestTokenSecret

/** What only a shell can say: tickets and tokens are made with the cluster's secret. */
export const secretAnswer = (
  peer: PeerIdentity | undefined,
  message: SecretQuestion,
  cluster: ClusterState,
  options: MasterOptions,
  now: Now,
) =>
  message.type === 'RequestPageTicket'
    ? ticketFor(peer, options)
    : tokenSecretFor(peer, message, cluster, options, now)
