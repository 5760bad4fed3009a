import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { ClusterState } from './cluster-state.js'
import type { MasterOptions } from './master-options.js'
import { ticketFor } from './page-ticket.js'
import type { SecretQuestion } from './secret-question.js'
import type { Now } from './step.js'
import { tokenSecretFor, workerCredentialFor } from './token-secrets.js'

/** What only a shell can say: tickets, tokens and keys are made with the cluster's secret. */
export const secretAnswer = (
  peer: PeerIdentity | undefined,
  message: SecretQuestion,
  cluster: ClusterState,
  options: MasterOptions,
  now: Now,
) => {
  switch (message.type) {
    case 'RequestPageTicket':
      return ticketFor(peer, options)
    case 'RequestTokenSecret':
      return tokenSecretFor(peer, message, cluster, options, now)
    case 'RequestWorkerCredential':
      return workerCredentialFor(peer, message, cluster, options)
  }
}
