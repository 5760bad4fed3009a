import { MasterClient } from '../../../actors/client/master-client.js'
import { limits } from '../../limits.js'
import type { TlsSource } from '../../tls/tls-source.js'
import { clientKey } from '../../transport/keys.js'

export interface AskerParts {
  readonly cluster: string
  readonly secret: string
  readonly tls: TlsSource | undefined
  /** firesteel:// of the Masters. */
  readonly masters: readonly string[]
  /** Id of the token that asks; undefined: who has the cluster's secret. */
  readonly subject: string | undefined
}

/** Asks the leader over a link of its own, as this token: a node does for a session what the token may. */
export async function askAs<T>(
  { cluster, secret, tls, masters, subject }: AskerParts,
  ask: (client: MasterClient) => Promise<T>,
): Promise<T> {
  const client = new MasterClient({
    cluster,
    masters,
    credential: {
      role: 'client',
      key: clientKey(secret, subject),
      ...(subject !== undefined && { subject }),
      tls,
    },
    masterTimeoutMs: limits.pageChangeMs,
  })
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}
