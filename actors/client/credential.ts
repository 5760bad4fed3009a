/** The credential of a client (protocol 16). */
export interface Credential {
  readonly role: 'client' | 'driver'
  /** With role driver: `ID/GENERATION`. */
  readonly subject?: string
  readonly key: Buffer
}
