import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { PeerInfo } from './cluster-state.js'

/** The other end of a link, for the core. */
export function peerInfo({
  incarnation,
  role,
  subject,
  address,
  advertise,
  dialled,
}: PeerIdentity): PeerInfo {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return {
    incarnation,
    role,
    host,
    ...(subject !== undefined && { subject }),
    ...(advertise !== undefined && { address: `firesteel://${advertise}` }),
    ...(dialled && { dialled }),
  }
}
