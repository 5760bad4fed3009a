import { isFiresteelError } from '../../runtime/errors.js'
import type { TlsSource } from '../../runtime/tls/tls-source.js'
import type { LAUNCHER_SUBJECT } from '../../runtime/transport/identity.js'

/** The credential of a client (protocol 16), and what the nodes must prove to it. */
export interface Credential {
  readonly role: 'client' | 'driver'
  /** With role driver: `ID/GENERATION`. With role client: the id of its token, if it has one. */
  readonly subject?: string
  readonly key: Buffer
  /** Undefined: no TLS. */
  readonly tls: TlsSource | undefined
}

/** What a token or a secret alone gives. */
export type ClientKey = Omit<Credential, 'tls'>

/** That of the launcher of a machine, which has the key of nodes. */
export interface LauncherCredential {
  readonly role: 'node'
  readonly subject: typeof LAUNCHER_SUBJECT
  readonly key: Buffer
  /** Undefined: no TLS. */
  readonly tls: TlsSource | undefined
}

/** True: no Master will ever let it in again. That of a driver may be good again after a recovery. */
export const isTokenOver = ({ role }: Credential | LauncherCredential, error: unknown): boolean =>
  role === 'client' && isFiresteelError(error, 'CREDENTIAL_ENDED')
