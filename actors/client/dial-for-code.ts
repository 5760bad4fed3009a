import { splitHostPort } from '../../runtime/addresses.js'
import { dial } from '../../runtime/transport/dial.js'
import { newIncarnation } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { codeSubjectWith } from '../../runtime/transport/token.js'
import type { MasterClient } from './master-client.js'

export interface CodeDialer {
  readonly client: Pick<MasterClient, 'credentialAt'>
  readonly cluster: string
  readonly signal?: AbortSignal | undefined
}

/** Opens a link for code to the Worker at `host:port`. Rejects with the errors of dial(). */
export async function dialForCode(worker: string, { client, cluster, signal }: CodeDialer): Promise<Link> {
  const credential = await client.credentialAt(worker)
  return dial({
    ...splitHostPort(worker),
    ...credential,
    identity: { cluster, incarnation: newIncarnation('code') },
    subject: codeSubjectWith(credential.subject),
    signal,
  })
}
