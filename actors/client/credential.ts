import type { LAUNCHER_SUBJECT } from '../../runtime/transport/identity.js'

/** The credential of a client (protocol 16). */
export interface Credential {
  readonly role: 'client' | 'driver'
  /** With role driver: `ID/GENERATION`. */
  readonly subject?: string
  readonly key: Buffer
}

/** That of the launcher of a machine, which has the key of nodes. */
export interface LauncherCredential {
  readonly role: 'node'
  readonly subject: typeof LAUNCHER_SUBJECT
  readonly key: Buffer
}
