import type { Secrets } from '../../../actors/master/token-secrets.js'
import {
  sealCredentials,
  type WithCredentials,
  type WorkCredentials,
} from '../../../actors/messages/work-credentials.js'
import { grant } from '../../transport/grant.js'
import { codeSubjectOf } from '../../transport/identity.js'
import {
  clientKey,
  deriveGrantKey,
  deriveKey,
  joinKey,
  joinSecret,
  registrantKey,
} from '../../transport/keys.js'
import { seal } from '../../transport/sealed.js'
import { readAnyTokenId, tokenText } from '../../transport/token.js'

/** What a Master makes with the cluster's secret, which only its node knows. */
export function masterSecrets(secret: string): Secrets {
  const grantKey = deriveGrantKey(secret)
  const secretOf = (join: string | undefined): string =>
    join === undefined ? secret : joinSecret(secret, join)
  return {
    tokenFor: (id, subject) => seal(tokenText(id, tokenKey(secret, id)), clientKey(secret, subject), id),
    grantMac: (join, ...of) =>
      grant(join === undefined ? grantKey : deriveGrantKey(secretOf(join)), ...of).mac,
    credentialsFor: (join, message, sources) => {
      const given = {
        ...(join !== undefined && keysOf(message, secret)),
        sources: {} as Record<string, string>,
      }
      for (const [address, of] of sources) {
        const theirs = secretOf(of)
        // As that Worker derives it: from its own secret, as if it were the cluster's.
        const key = join === undefined ? deriveKey(theirs, 'node') : joinKey(joinSecret(theirs, join), join)
        given.sources[address] = key.toString('base64')
      }
      return sealCredentials(given, secretOf(join), message)
    },
    nodeKeyAt: (join) => deriveKey(secretOf(join), 'node'),
    workerCredential: (join, subject, worker) =>
      seal(clientKey(secretOf(join), subject).toString('base64'), clientKey(secret, subject), worker),
  }
}

const tokenKey = (secret: string, id: string): Buffer =>
  readAnyTokenId(id)?.role === 'worker'
    ? Buffer.from(joinSecret(secret, id), 'base64url')
    : clientKey(secret, id)

function keysOf(message: WithCredentials, secret: string): Partial<WorkCredentials> {
  switch (message.type) {
    case 'LaunchDriver': {
      const subject = `${message.driverId}/${message.generation}`
      return { driver: deriveKey(secret, 'driver', subject).toString('base64') }
    }
    case 'LaunchExecutor': {
      const parent = registrantKey(message.registrant, secret)
      const keyOf = (subject: string): string => deriveKey(parent, 'application', subject).toString('base64')
      return { application: keyOf(message.appId), code: keyOf(codeSubjectOf(message.appId)) }
    }
    case 'KeepCode':
      return {}
  }
}
