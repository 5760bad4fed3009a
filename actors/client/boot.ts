import type { TlsTold } from '../../runtime/tls/tls-told.js'
import type { DriverIncarnation } from '../messages/common.js'

/**
 * What a driver process finds on descriptor 3, as one line of JSON. For `submit` the Worker writes it, for
 * `run` the command. Credentials travel only this way, never in argv or environment (protocol 16).
 */
export interface DriverBoot {
  readonly cluster: string
  /** `firesteel://` addresses of all known Masters. */
  readonly masters: readonly string[]
  readonly role: 'client' | 'driver'
  /** With role driver: `ID/GENERATION`, the subject of its key. With role client: its token, if any. */
  readonly subject?: string
  /** Key of the role, base64. */
  readonly key: string
  /** Absent: no TLS. */
  readonly tls?: TlsTold
  readonly driver?: DriverIncarnation
  /** `run --master-timeout`. The option of connect() overrides it. */
  readonly masterTimeoutMs?: number
  /** `run --idle-timeout`. The option of connect() overrides it. */
  readonly idleTimeoutMs?: number | 'never'
  /** `run --no-code`, `--no-modules` and `--code-limit`. The options of connect() override them. */
  readonly code?: { readonly travels: boolean; readonly modules: boolean; readonly maxBytes?: number }
  /** `run --no-summaries`. The option of connect() overrides it. */
  readonly summaries?: false
  /** `run --output`. The option of connect() overrides it. */
  readonly output?: true
  /** `run --master local`: the work of the application has the environment of its program. */
  readonly local?: boolean
}

/** Descriptor of the boot line. It is read only if FIRESTEEL_MASTER is set, as `submit` and `run` do. */
export const bootDescriptor = 3
