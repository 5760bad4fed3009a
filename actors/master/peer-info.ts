import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { PeerInfo } from './cluster-state.js'

/** The peer of a link, as the core needs it. */
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
