import { formatMasterAddress, type HostPort, parseMasterAddresses } from '../addresses.js'
import type { DialError } from './dial.js'
import type { InvalidReport, Link } from './link.js'
import { LinkKeeper, type LinkKeeperOptions } from './link-keeper.js'

type KeeperParts = Pick<
  LinkKeeperOptions,
  | 'identity'
  | 'role'
  | 'subject'
  | 'key'
  | 'tls'
  | 'localAddress'
  | 'deadMs'
  | 'clock'
  | 'timers'
  | 'random'
  | 'dialWith'
>

/** Addresses in callbacks are `firesteel://host:port`. */
export interface DialerOptions extends KeeperParts {
  /** Called for each link that was opened. The caller must give it a receiver. */
  readonly onLink: (address: string, link: Link) => void
  /** Nobody listens there now; the dialer tries again. `dialledAtBootMs` is when this dial began. */
  readonly onFailed?: (address: string, error: DialError, dialledAtBootMs: number) => void
  /** Wrong secret, cluster or version. The dialer tries again, more slowly. */
  readonly onRefused?: (address: string, error: DialError) => void
  readonly onInvalid?: (address: string, report: InvalidReport) => void
}

interface DialedAddress {
  readonly at: HostPort
  /** Undefined while this address rests. */
  keeper: LinkKeeper | undefined
  /**
   * Incarnation of the last link of this address. It stays while that link has ended and the next dial has no
   * result yet.
   */
  leadsTo: string | undefined
  /** The address that leads to the same peer, and the incarnation of that peer. */
  restsFor: { readonly address: string; readonly incarnation: string } | undefined
  /** When the newest dial began that the peer's kernel refused. Undefined once somebody answered there. */
  refusedAtBootMs: number | undefined
}

/**
 * Keeps one link to each of several addresses (protocol R0). Two addresses may lead to one peer (localhost,
 * 127.0.0.1). The one that was linked last stays, because the peer has closed the older link (protocol R3),
 * and the other address rests; otherwise the two links would replace each other for ever. A resting address
 * is dialled again when the other one fails, is closed, or leads to another peer.
 */
export class Dialer {
  readonly #options: DialerOptions
  readonly #dialer = new Map<string, DialedAddress>()
  #closed = false

  constructor(options: DialerOptions) {
    this.#options = options
  }

  /**
   * `firesteel://host:port` of every address that is open here, resting ones included, in the order of
   * `open`.
   */
  get addresses(): string[] {
    return [...this.#dialer.keys()]
  }

  /**
   * Adds one address or several. Addresses that are already here stay as they are. Throws ADDRESS_INVALID.
   */
  open(addresses: string): void {
    if (this.#closed) return
    for (const at of parseMasterAddresses(addresses)) {
      const address = formatMasterAddress(at)
      if (this.#dialer.has(address)) continue
      const dialed: DialedAddress = {
        at,
        keeper: undefined,
        leadsTo: undefined,
        restsFor: undefined,
        refusedAtBootMs: undefined,
      }
      this.#dialer.set(address, dialed)
      this.#keep(address, dialed)
    }
  }

  /** Ends the link and the dialling of this address. No callback for it follows. */
  close(address: string, reason?: string): void {
    const dialed = this.#dialer.get(address)
    if (!dialed) return
    this.#dialer.delete(address)
    dialed.keeper?.close(reason)
    this.#wake((rest) => rest.address === address)
  }

  /** Closes every address. Nothing can be opened afterwards. */
  closeAll(reason?: string): void {
    this.#closed = true
    for (const dialed of this.#dialer.values()) dialed.keeper?.close(reason)
    this.#dialer.clear()
  }

  /** Dials every address that waits for its next try now. */
  retryNow(): void {
    for (const dialed of this.#dialer.values()) dialed.keeper?.retryNow()
  }

  /** The addresses that refuse connections now, and when the newest refused dial began. */
  refusals(): { readonly address: string; readonly dialledAtBootMs: number }[] {
    return [...this.#dialer].flatMap(([address, { refusedAtBootMs }]) =>
      refusedAtBootMs === undefined ? [] : [{ address, dialledAtBootMs: refusedAtBootMs }],
    )
  }

  #keep(address: string, dialed: DialedAddress): void {
    const { onLink: _, onFailed, onRefused, onInvalid, ...parts } = this.#options
    dialed.restsFor = undefined
    dialed.keeper = new LinkKeeper({
      ...parts,
      ...dialed.at,
      onLink: (link) => this.#up(address, dialed, link),
      onDialFailed: (error, dialledAtBootMs) => {
        this.#failed(address, dialed, error.refused ? dialledAtBootMs : undefined)
        onFailed?.(address, error, dialledAtBootMs)
      },
      onRefused: (error) => {
        this.#failed(address, dialed, undefined)
        onRefused?.(address, error)
      },
      onInvalid: (report) => onInvalid?.(address, report),
    })
  }

  #up(address: string, dialed: DialedAddress, link: Link): void {
    const { incarnation } = link.peer
    dialed.refusedAtBootMs = undefined
    dialed.leadsTo = incarnation
    this.#options.onLink(address, link)
    // The peer may have closed the older link before this one was known here, so it does not matter whether
    // that link is open.
    for (const older of this.#dialer.values()) {
      if (older === dialed || older.leadsTo !== incarnation || older.restsFor) continue
      older.restsFor = { address, incarnation }
      older.keeper?.close(`${address} is the same peer`)
      older.keeper = undefined
    }
    this.#wake((rest) => rest.address === address && rest.incarnation !== incarnation)
  }

  #failed(address: string, dialed: DialedAddress, refusedAtBootMs: number | undefined): void {
    dialed.refusedAtBootMs = refusedAtBootMs
    dialed.leadsTo = undefined
    this.#wake((rest) => rest.address === address)
  }

  #wake(isOver: (rest: NonNullable<DialedAddress['restsFor']>) => boolean): void {
    if (this.#closed) return
    for (const [address, dialed] of this.#dialer) {
      if (dialed.restsFor && isOver(dialed.restsFor)) this.#keep(address, dialed)
    }
  }
}
