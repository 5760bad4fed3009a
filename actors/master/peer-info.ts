import { splitHostPort } from '../../runtime/addresses.js'
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
  return {
    incarnation,
    role,
    host: splitHostPort(address).host,
    ...(subject !== undefined && { subject }),
    ...(advertise !== undefined && { address: `firesteel://${advertise}` }),
    ...(dialled && { dialled }),
  }
}
