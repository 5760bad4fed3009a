import type { Buffer } from 'node:buffer'
import type { Role } from './identity.js'
import { clientKey, deriveKey, joinKey, joinSecret } from './keys.js'
import { isCodeSubject, joinIdOf, tokenIdOf } from './token.js'

/**
 * The keys of those who may dial a node (protocol 16). `secret` is the cluster's, or that of a Worker's
 * token: whoever dials that Worker has been told what it derives from it. Executors dial their driver, never
 * a node, so there is no key for their role here.
 */
export function acceptorKeys(
  secret: string,
  isMaster: boolean,
): (role: Role, subject?: string) => Buffer | undefined {
  // Derived once, because a whole cluster may dial at the same moment.
  const node = deriveKey(secret, 'node')
  const client = deriveKey(secret, 'client')
  return (role, subject) => {
    switch (role) {
      case 'node':
        return node
      case 'client': {
        const token = tokenIdOf(subject)
        return token === undefined ? client : clientKey(secret, token)
      }
      case 'worker': {
        const id = joinIdOf(subject)
        const isAdmitted = id !== undefined && (isMaster || isCodeSubject(subject))
        return isAdmitted ? joinKey(joinSecret(secret, id), id) : undefined
      }
      case 'driver':
        return isMaster ? deriveKey(secret, role, subject) : undefined
      case 'application':
        return undefined
    }
  }
}
