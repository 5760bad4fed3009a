import { roleOf } from '../../runtime/transport/token.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Failure } from '../messages/common.js'
import { ownerOf } from './access.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { MasterInput } from './master-input.js'
import { routeOf } from './routes.js'
import type { SecretQuestion } from './secret-question.js'
import type { Step } from './step.js'

/* What a leader did for whom, for the audit: never what a message carries but the names in it. */

export interface AuditEntry {
  readonly event: 'request'
  /** Type of the message. */
  readonly request: string
  /** What it is about: an id, a name, or several. */
  readonly about?: string
  readonly who: string
  readonly role: string
  /** Of its token. */
  readonly token?: string
  /** Who asks by its own word, such as `ann@laptop`. */
  readonly by?: string
  /** The host that its packets come from. */
  readonly from: string
  readonly epoch: number
  readonly outcome: 'done' | 'refused'
  readonly code?: string
}

/** An application says these all the time, about itself. */
const chatter: ReadonlySet<string> = new Set([
  'ExecutorWorked',
  'RequestExecutors',
  'MasterChangeAcknowledged',
])
/** It changes nothing, and opens an output. */
const OUTPUT = 'RequestLogLocation'
/** It opens a session of the pages, which lasts for hours. */
const SESSION = 'RequestPageTicket'
const NOT_ALLOWED = 'FIRESTEEL_NOT_ALLOWED'
/** They say that the request is to be sent again, or elsewhere. */
const later: ReadonlySet<string> = new Set(['FIRESTEEL_NOT_LEADER', 'FIRESTEEL_BUSY'])

/** What a leader has answered a question whose answer is no decision of its core: with a secret, or not. */
export function auditOfSecret(
  message: SecretQuestion,
  from: string | undefined,
  answer: { readonly type: string },
  cluster: ClusterState,
): AuditEntry | undefined {
  const failure = answer.type === 'Failure' ? (answer as Failure) : undefined
  const isTold = message.type === SESSION || failure?.code === NOT_ALLOWED
  return isTold && from !== undefined ? entryOf(message, from, failure, cluster) : undefined
}

/** Undefined: this input is no request of a client or driver that changes something or was refused. */
export function auditOf(
  input: MasterInput,
  step: Step,
  cluster: ClusterState | undefined,
): AuditEntry | undefined {
  if (!cluster || input.kind !== 'message') return undefined
  const { message, from } = input
  const route = routeOf(message)
  if (route?.sender !== 'anybody') return undefined
  const failure = failureIn(input, step)
  const reads = route.access !== undefined && message.type !== OUTPUT
  if ((reads || chatter.has(message.type)) && failure?.code !== NOT_ALLOWED) return undefined
  return entryOf(message, from, failure, cluster)
}

function entryOf(
  message: MasterMessage | SecretQuestion,
  from: string,
  failure: Failure | undefined,
  cluster: ClusterState,
): AuditEntry | undefined {
  const peer = cluster.peers.get(from)
  if (!peer || peer.role === 'node' || (failure && later.has(failure.code))) return undefined
  const { name: who, id: token } = ownerOf(cluster, peer)
  const about = aboutOf(message)
  const by = 'by' in message ? message.by : undefined
  return {
    event: 'request',
    request: message.type,
    ...(about !== undefined && { about }),
    who: peer.role === 'driver' ? (peer.subject ?? '') : who,
    role: peer.role === 'driver' ? 'driver' : roleOf(peer.subject),
    ...(token !== undefined && { token }),
    ...(by !== undefined && { by }),
    from: hostOf(peer),
    epoch: cluster.leadership.epoch,
    outcome: failure ? 'refused' : 'done',
    ...(failure && { code: failure.code }),
  }
}

const hostOf = ({ host }: PeerInfo): string => host

/** The answer, or what the sender was told in its place. */
function failureIn(
  { reply, from }: Extract<MasterInput, { kind: 'message' }>,
  { gated, free }: Step,
): Failure | undefined {
  for (const effect of [...gated, ...free]) {
    if (!('message' in effect) || effect.message.type !== 'Failure') continue
    const isTheirs = 'reply' in effect ? effect.reply === reply : 'to' in effect && effect.to === from
    if (isTheirs) return effect.message as Failure
  }
  return undefined
}

/** Names and ids only. */
function aboutOf(message: MasterMessage | SecretQuestion): string | undefined {
  if ('driverId' in message) return message.driverId
  if ('appId' in message) return message.appId
  if ('workers' in message && Array.isArray(message.workers)) return message.workers.join(' ')
  if ('token' in message) return message.token
  if ('description' in message && message.description) return message.description.name
  if ('name' in message) return message.name
  return 'id' in message ? message.id : undefined
}
