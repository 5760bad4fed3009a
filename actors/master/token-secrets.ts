import { innerLimits } from '../../runtime/inner-limits.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import { hasEnded, roleOf } from '../../runtime/transport/token.js'
import type { ClientMessage } from '../messages/catalogue.js'
import type { Failure } from '../messages/common.js'
import type { RequestTokenSecret, TokenSecret } from '../messages/tokens.js'
import { ownerOf } from './access.js'
import type { ClusterState } from './cluster-state.js'
import type { Now } from './step.js'

/* What only a shell can say, because its core has no secret. */

export interface Secrets {
  /** The text of a token, sealed for a client with this subject. */
  readonly tokenFor: (id: string, subject: string | undefined) => string
  /** Signs that a client may read an output. */
  readonly grantMac: (subject: string, id: string, untilMs: number) => string
}

const refuse = (message: string): Failure => ({ type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message })

/** The answer to a client that has made a token and wants its text. */
export function tokenSecretFor(
  peer: Pick<PeerIdentity, 'role' | 'subject'> | undefined,
  { id }: RequestTokenSecret,
  cluster: ClusterState,
  { secrets }: { readonly secrets?: Secrets | undefined },
  { wallMs }: Pick<Now, 'wallMs'>,
): TokenSecret | Failure {
  if (!secrets || peer?.role !== 'client' || roleOf(peer.subject) !== 'admin')
    return refuse('only an admin gets the text of a token')
  const token = cluster.tokens.get(id)
  if (!token || token.revokedAtMs !== undefined || hasEnded(id, wallMs))
    return refuse(`no token with the id ${id} is in force`)
  const isTheirs = token.by === ownerOf(cluster, peer).name
  if (!isTheirs || wallMs - token.createdAtMs > innerLimits.tokenSecretMs)
    return refuse('the text of a token is given once, to whoever made it; revoke it and make another')
  return { type: 'TokenSecret', id, secret: secrets.tokenFor(id, peer.subject) }
}

/** Signs what the core grants. */
export function signed<M extends ClientMessage>(message: M, secrets: Secrets | undefined): M {
  if (message.type !== 'LogLocation' || !message.grant || !secrets) return message
  const { subject, untilMs } = message.grant
  return { ...message, grant: { ...message.grant, mac: secrets.grantMac(subject, message.id, untilMs) } }
}
