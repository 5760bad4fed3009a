import { parseActorAddress } from '../../runtime/addresses.js'
import { reasonOf } from '../../runtime/errors.js'
import type { DialError } from '../../runtime/transport/dial.js'
import type { LocalIdentity } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'
import type { Credential } from './credential.js'

export interface MasterDoorsOptions {
  readonly identity: LocalIdentity
  readonly credential: Credential
  readonly onLink: (address: string, link: Link) => void
  /** Nobody there for now; dialled again. */
  readonly onFailed: (address: string, reason: string) => void
  /** Wrong secret, cluster or version. */
  readonly onRefused: (address: string, error: DialError) => void
}

/** One link keeper for each Master address that is to be dialled. */
export class MasterDoors {
  readonly #options: MasterDoorsOptions
  readonly #keepers = new Map<string, LinkKeeper>()
  #closed = false

  constructor(options: MasterDoorsOptions) {
    this.#options = options
  }

  /** `address`: firesteel://host:port. One that cannot be read, taught by a Master, is reported and left alone. */
  dial(address: string): void {
    if (this.#closed || this.#keepers.has(address)) return
    const { identity, credential, onLink, onFailed, onRefused } = this.#options
    try {
      const { host, port } = parseActorAddress(address)
      const keeper = new LinkKeeper({
        host,
        port,
        identity,
        ...credential,
        onLink: (link) => onLink(address, link),
        onDialFailed: (error) => onFailed(address, error.refused ? 'nobody listens there' : error.message),
        onRefused: (error) => onRefused(address, error),
      })
      this.#keepers.set(address, keeper)
    } catch (error) {
      onFailed(address, reasonOf(error))
    }
  }

  hangUp(address: string): void {
    this.#keepers.get(address)?.close('another address of this Master is used')
    this.#keepers.delete(address)
  }

  close(): void {
    this.#closed = true
    for (const keeper of this.#keepers.values()) keeper.close('this client ends')
    this.#keepers.clear()
  }
}
