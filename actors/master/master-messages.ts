import type { LinkMessage } from '../../runtime/transport/gateway.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { ElectionMessage } from '../messages/election.js'
import type { RequestPageTicket } from '../messages/pages.js'
import type { TasksSummarized } from '../messages/task-summary.js'
import type { RequestTokenSecret, RequestWorkerCredential } from '../messages/tokens.js'
import type { RequestTrace } from '../messages/trace.js'
import type { MasterTimer } from './master-timer.js'

/** What a Master tells itself, and what its node tells it. */
type SelfMessage =
  | { readonly type: 'Timer'; readonly timer: MasterTimer }
  | { readonly type: 'Probed'; readonly workerId: string; readonly refused: boolean }
  /** The node has learned of more Masters. */
  | { readonly type: 'MastersKnown'; readonly addresses: readonly string[] }
  /** Give the leadership up in order (protocol 13). */
  | { readonly type: 'BeginHandOver'; readonly reason: string }

/** What the mailbox of a Master takes. */
export type MasterActorMessage =
  | MasterMessage
  | RequestTrace
  | RequestPageTicket
  | RequestTokenSecret
  | RequestWorkerCredential
  | TasksSummarized
  | ElectionMessage
  | LinkMessage
  | SelfMessage
