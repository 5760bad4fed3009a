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
export interface DoorsOptions extends KeeperParts {
  /** Each link that stands; give it its receiver. */
  readonly onLink: (address: string, link: Link) => void
  /** Nobody there for now; dialled again. `dialledAtBootMs`: when this dial began. */
  readonly onFailed?: (address: string, error: DialError, dialledAtBootMs: number) => void
  /** Wrong secret, cluster or version; dialled again, more slowly. */
  readonly onRefused?: (address: string, error: DialError) => void
  readonly onInvalid?: (address: string, report: InvalidReport) => void
}

interface Door {
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
export class Doors {
  readonly #options: DoorsOptions
  readonly #doors = new Map<string, Door>()
  #closed = false

  constructor(options: DoorsOptions) {
    this.#options = options
  }

  /** `firesteel://host:port` of every open door, those that rest included, in the order they were opened. */
  get addresses(): string[] {
    return [...this.#doors.keys()]
  }

  /** One address or several; what is open already stays as it is. Throws ADDRESS_INVALID. */
  open(addresses: string): void {
    if (this.#closed) return
    for (const at of parseMasterAddresses(addresses)) {
      const address = formatMasterAddress(at)
      if (this.#doors.has(address)) continue
      const door: Door = {
        at,
        keeper: undefined,
        leadsTo: undefined,
        restsFor: undefined,
        refusedAtBootMs: undefined,
      }
      this.#doors.set(address, door)
      this.#keep(address, door)
    }
  }

  /** Ends link and dialling at this address; no callback for it comes any more. */
  close(address: string, reason?: string): void {
    const door = this.#doors.get(address)
    if (!door) return
    this.#doors.delete(address)
    door.keeper?.close(reason)
    this.#wake((rest) => rest.address === address)
  }

  /** Nothing is opened after this. */
  closeAll(reason?: string): void {
    this.#closed = true
    for (const door of this.#doors.values()) door.keeper?.close(reason)
    this.#doors.clear()
  }

  /** Dials every address that waits for its next try now. */
  retryNow(): void {
    for (const door of this.#doors.values()) door.keeper?.retryNow()
  }

  /** Where connections are refused now, and when the newest refused dial began. */
  refusals(): { readonly address: string; readonly dialledAtBootMs: number }[] {
    return [...this.#doors].flatMap(([address, { refusedAtBootMs }]) =>
      refusedAtBootMs === undefined ? [] : [{ address, dialledAtBootMs: refusedAtBootMs }],
    )
  }

  #keep(address: string, door: Door): void {
    const { onLink: _, onFailed, onRefused, onInvalid, ...parts } = this.#options
    door.restsFor = undefined
    door.keeper = new LinkKeeper({
      ...parts,
      ...door.at,
      onLink: (link) => this.#up(address, door, link),
      onDialFailed: (error, dialledAtBootMs) => {
        this.#failed(address, door, error.refused ? dialledAtBootMs : undefined)
        onFailed?.(address, error, dialledAtBootMs)
      },
      onRefused: (error) => {
        this.#failed(address, door, undefined)
        onRefused?.(address, error)
      },
      onInvalid: (report) => onInvalid?.(address, report),
    })
  }

  #up(address: string, door: Door, link: Link): void {
    const { incarnation } = link.peer
    door.refusedAtBootMs = undefined
    door.leadsTo = incarnation
    this.#options.onLink(address, link)
    // The peer may have closed the older link before this one was known here: an open link is not asked for.
    for (const older of this.#doors.values()) {
      if (older === door || older.leadsTo !== incarnation || older.restsFor) continue
      older.restsFor = { address, incarnation }
      older.keeper?.close(`${address} is the same peer`)
      older.keeper = undefined
    }
    this.#wake((rest) => rest.address === address && rest.incarnation !== incarnation)
  }

  #failed(address: string, door: Door, refusedAtBootMs: number | undefined): void {
    door.refusedAtBootMs = refusedAtBootMs
    door.leadsTo = undefined
    this.#wake((rest) => rest.address === address)
  }

  #wake(isOver: (rest: NonNullable<Door['restsFor']>) => boolean): void {
    if (this.#closed) return
    for (const [address, door] of this.#doors) {
      if (door.restsFor && isOver(door.restsFor)) this.#keep(address, door)
    }
  }
}
