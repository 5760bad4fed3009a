import type { Channel, ChannelSecurity } from './channel.js'
import type { Link } from './link.js'

/** The link ends when the certificate that opened it counts no more. */
export function guardLink(
  link: Link,
  security: ChannelSecurity | undefined,
  channel: Pick<Channel, 'chain'> | undefined,
): void {
  // A key has no end of its own, and a client may show no certificate.
  if (security === undefined || security === 'key' || !channel || channel.chain.length === 0) return
  link.whenEnded(security.guard(channel.chain, (reason) => link.close(reason)))
}
