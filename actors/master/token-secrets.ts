import { innerLimits } from '../../runtime/inner-limits.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import { hasEnded, roleOf } from '../../runtime/transport/token.js'
import type { ClientMessage } from '../messages/catalogue.js'
import type { Failure } from '../messages/common.js'
import type { LogLocation, LogPlace } from '../messages/status.js'
import type {
  RequestTokenSecret,
  RequestWorkerCredential,
  TokenSecret,
  WorkerCredential,
} from '../messages/tokens.js'
import type { WithCredentials } from '../messages/work-credentials.js'
import { ownerOf } from './access.js'
import type { ClusterState } from './cluster-state.js'
import type { Now } from './step.js'

/* What only a shell can say, because its core has no secret. */

export interface Secrets {
  /** The text of a token, sealed for a client with this subject. */
  readonly tokenFor: (id: string, subject: string | undefined) => string
  /** Signs that a client may read an output, for the Worker that has this token, or none. */
  readonly grantMac: (join: string | undefined, subject: string, id: string, untilMs: number) => string
  /**
   * What the Worker with this token, or none, must know for the work of this message, sealed for it.
   * `sources`: host:port of Workers that have a token -> its id.
   */
  readonly credentialsFor: (
    join: string | undefined,
    message: WithCredentials,
    sources: ReadonlyMap<string, string>,
  ) => string
  /** The key that nodes prove to the Worker with this token. */
  readonly nodeKeyAt: (join: string) => Buffer
  /** The key of a client with this subject at the Worker with this token, sealed for that client. */
  readonly workerCredential: (join: string, subject: string | undefined, worker: string) => string
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

/** The answer to a client that wants to link to a Worker. */
export function workerCredentialFor(
  peer: Pick<PeerIdentity, 'role' | 'subject'> | undefined,
  { worker }: RequestWorkerCredential,
  cluster: ClusterState,
  { secrets }: { readonly secrets?: Secrets | undefined },
): WorkerCredential | Failure {
  if (peer?.role !== 'client') return refuse('only a client links to a Worker')
  const join = cluster.workersByAddress.get(worker)?.record.join
  const credential = secrets && join !== undefined && secrets.workerCredential(join, peer.subject, worker)
  return { type: 'WorkerCredential', worker, credential: credential || null }
}

/** Signs what the core grants. The signature for one Worker with a token is worth nothing at another. */
export function signed<M extends ClientMessage>(
  message: M,
  secrets: Secrets | undefined,
  cluster: ClusterState | undefined,
): M {
  if (message.type !== 'LogLocation' || !message.grant || !secrets) return message
  const { id, grant, places } = message
  const macFor = (join?: string): string => secrets.grantMac(join, grant.subject, id, grant.untilMs)
  const signedPlace = <P extends LogPlace>(place: P): P => {
    const join = cluster?.workers.get(place.workerId)?.record.join
    return join === undefined ? place : { ...place, mac: macFor(join) }
  }
  const location: LogLocation = {
    ...signedPlace<LogLocation>(message),
    ...(places && { places: places.map(signedPlace) }),
    grant: { ...grant, mac: macFor() },
  }
  return { ...message, ...location }
}
