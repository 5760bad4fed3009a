import { createHmac } from 'node:crypto'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { Role } from './identity.js'

const SECRET_BYTES_MIN = innerLimits.secretBytesMin
/** Names the derivation, so that the same secret used elsewhere gives other keys. */
const LABEL = 'firesteel/1 key'

/**
 * The key of a role (protocol 16), 32 bytes: HMAC-SHA256 of the parent over role and subject.
 *
 * | role | parent | subject |
 * | --- | --- | --- |
 * | node, client | cluster secret | none |
 * | worker | secret of its token | id of the token |
 * | client with a token | cluster secret | id of the token |
 * | driver | cluster secret | `${driverId}/${generation}` |
 * | application | key of the client or driver that registered it | appId |
 *
 * So both ends compute the key of an application and no key ever travels, but to a Worker that has a token in
 * place of the cluster's secret: it gets what it needs sealed. Throws SECRET_TOO_SHORT.
 */
export function deriveKey(parent: Buffer | string, role: Role, subject = ''): Buffer {
  const parentBytes = typeof parent === 'string' ? Buffer.from(parent, 'utf8') : parent
  if (parentBytes.length < SECRET_BYTES_MIN) {
    throw new FiresteelError(
      'SECRET_TOO_SHORT',
      `The secret has ${parentBytes.length} bytes; at least ${SECRET_BYTES_MIN} are needed.`,
    )
  }
  return createHmac('sha256', parentBytes).update(`${LABEL}\0${role}\0${subject}`, 'utf8').digest()
}

/** The key of a client with this token; without one it is that of a client with the cluster's secret. */
export const clientKey = (secret: string, token: string | undefined): Buffer =>
  deriveKey(secret, 'client', token)

/**
 * The secret of a Worker's token. The Worker has it in place of the cluster's, and derives from it what
 * others must prove to it. A Master derives it from the cluster's secret, another Worker cannot.
 */
export const joinSecret = (secret: string, id: string): string =>
  deriveKey(secret, 'worker', id).toString('base64url')

/** Opens the links of such a Worker. `own` is the secret of its token. */
export const joinKey = (own: string, id: string): Buffer => deriveKey(own, 'worker', id)

/**
 * That of the peer which registered an application. The application's driver derives the key of its executors
 * from its own one, and others from this.
 */
export const registrantKey = (
  { role, subject }: { readonly role: 'client' | 'driver'; readonly subject?: string | undefined },
  secret: string,
): Buffer => (role === 'client' ? clientKey(secret, subject) : deriveKey(secret, 'driver', subject))

/** The key with which a leader says, and Workers see, whose output a client may read. */
export function deriveGrantKey(secret: string): Buffer {
  return createHmac('sha256', secret).update(`${LABEL}\0grants`, 'utf8').digest()
}

/** The key that signs sessions of the pages. Every node derives it, and no handshake takes it. */
export function derivePageKey(secret: string): Buffer {
  return createHmac('sha256', secret).update(`${LABEL}\0pages`, 'utf8').digest()
}
