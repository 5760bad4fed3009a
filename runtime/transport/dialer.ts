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
  | 'localAddress'
  | 'deadMs'
  | 'clock'
  | 'timers'
  | 'random'
  | 'dialWith'
>

/** Addresses in callbacks are `firesteel://host:port`. */
export interface DialerOptions extends KeeperParts {
  /** Each link that stands; give it its receiver. */
  readonly onLink: (address: string, link: Link) => void
  /** Nobody there for now; dialled again. `dialledAtBootMs`: when this dial began. */
  readonly onFailed?: (address: string, error: DialError, dialledAtBootMs: number) => void
  /** Wrong secret, cluster or version; dialled again, more slowly. */
  readonly onRefused?: (address: string, error: DialError) => void
  readonly onInvalid?: (address: string, report: InvalidReport) => void
}

interface DialedAddress {
  readonly at: HostPort
  /** Undefined while it rests. */
  keeper: LinkKeeper | undefined
  /** Incarnation that it linked last, also while that link has ended and the next dial has yet to say more. */
  leadsTo: string | undefined
  /** The door that leads to the same peer, and which peer that was. */
  restsFor: { readonly address: string; readonly incarnation: string } | undefined
  /** When the newest dial began that the peer's kernel refused; undefined since somebody answered there. */
  refusedAtBootMs: number | undefined
}

/**
 * One kept link to each of several addresses (protocol R0). Of two addresses of one peer (localhost, 127.0.0.1) the one linked
 * last stays, because the peer has let the older link go (protocol R3), and the other rests: else the two would replace each
 * other for ever. It wakes when that address fails, is closed, or leads to another peer.
 */
export class Dialer {
  readonly #options: DialerOptions
  readonly #dialer = new Map<string, DialedAddress>()
  #closed = false

  constructor(options: DialerOptions) {
    this.#options = options
  }

  /** `firesteel://host:port` of every open door, those that rest included, in the order they were opened. */
  get addresses(): string[] {
    return [...this.#dialer.keys()]
  }

  /** One address or several; what is open already stays as it is. Throws ADDRESS_INVALID. */
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

  /** Ends link and dialling at this address; no callback for it comes any more. */
  close(address: string, reason?: string): void {
    const dialed = this.#dialer.get(address)
    if (!dialed) return
    this.#dialer.delete(address)
    dialed.keeper?.close(reason)
    this.#wake((rest) => rest.address === address)
  }

  /** Nothing is opened after this. */
  closeAll(reason?: string): void {
    this.#closed = true
    for (const dialed of this.#dialer.values()) dialed.keeper?.close(reason)
    this.#dialer.clear()
  }

  /** Dials every address that waits for its next try now. */
  retryNow(): void {
    for (const dialed of this.#dialer.values()) dialed.keeper?.retryNow()
  }

  /** Where connections are refused now, and when the newest refused dial began. */
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
    // The peer may have closed the older link before this one was known here: an open link is not asked for.
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
