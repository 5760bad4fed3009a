import type { RequestPageTicket } from '../messages/pages.js'
import type { RequestTokenSecret, RequestWorkerCredential } from '../messages/tokens.js'

/** What the core does not answer, because its answer is made with the cluster's secret. */
export type SecretQuestion = RequestPageTicket | RequestTokenSecret | RequestWorkerCredential
