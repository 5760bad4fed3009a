import type { DriverIncarnation } from '../messages/common.js'

/**
 * What a driver process finds on fd 3, as one line of JSON: written by the Worker for `submit`, by the command
 * for `run`. Credentials travel only this way, never in argv or environment (protocol 16).
 */
export interface DriverBoot {
  readonly cluster: string
  /** firesteel:// addresses of all known Masters. */
  readonly masters: readonly string[]
  readonly role: 'client' | 'driver'
  /** With role driver: `ID/GENERATION`, the subject of its key. */
  readonly subject?: string
  /** Key of the role, base64. */
  readonly key: string
  readonly driver?: DriverIncarnation
  /** `run --master-timeout`; an option of connect() goes before it. */
  readonly masterTimeoutMs?: number
}

/** Descriptor of the boot line; looked at only where FIRESTEEL_MASTER is set, as `submit` and `run` do. */
export const bootDescriptor = 3
