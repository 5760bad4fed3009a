import type { Secrets } from '../../../actors/master/token-secrets.js'
import { grant } from '../../transport/grant.js'
import { clientKey, deriveGrantKey } from '../../transport/keys.js'
import { seal } from '../../transport/sealed.js'
import { tokenText } from '../../transport/token.js'

/** What a Master makes with the cluster's secret, which only its node knows. */
export function tokenSecrets(secret: string): Secrets {
  const grantKey = deriveGrantKey(secret)
  return {
    tokenFor: (id, subject) => seal(tokenText(id, clientKey(secret, id)), clientKey(secret, subject), id),
    grantMac: (...of) => grant(grantKey, ...of).mac,
  }
}
