import {
  formatHostPort,
  formatMasterAddress,
  type HostPort,
  parseMasterAddresses,
} from '../../runtime/addresses.js'
import type { Clock } from '../../runtime/clock.js'
import type { Log } from '../../runtime/observe/log.js'
import type { LocalIdentity } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'

export interface MasterDoorsOptions {
  readonly identity: LocalIdentity
  /** Of the role `node`. */
  readonly key: Buffer
  readonly deadMs?: number | undefined
  readonly clock: Clock
  readonly attach: (link: Link) => void
  readonly log: Log
}

interface Door {
  readonly address: HostPort
  /** Undefined while it rests. */
  keeper: LinkKeeper | undefined
  /** The door that leads to the same Master, and which Master that was. */
  restsFor: { readonly key: string; readonly incarnation: string } | undefined
}

/**
 * One link to each Master (R0). Of two addresses of one Master the one linked last stays, because the Master has let
 * the older link go (R3), and the other rests: else the two would replace each other for ever. It wakes when that
 * address fails or leads to another Master.
 */
export class MasterDoors {
  readonly #options: MasterDoorsOptions
  readonly #doors = new Map<string, Door>()
  /** Incarnation of a linked Master -> the door it is linked by. */
  readonly #linked = new Map<string, string>()
  #closed = false

  constructor(options: MasterDoorsOptions) {
    this.#options = options
  }

  /** `firesteel://host:port` of every Master known, in the order they were learned. */
  get addresses(): string[] {
    return [...this.#doors.values()].map(({ address }) => formatMasterAddress(address))
  }

  /** Throws ADDRESS_INVALID. */
  open(address: string): void {
    for (const master of parseMasterAddresses(address)) {
      const key = formatHostPort(master)
      if (this.#doors.has(key) || this.#closed) continue
      this.#doors.set(key, { address: master, keeper: undefined, restsFor: undefined })
      this.#keep(key)
    }
  }

  close(reason: string): void {
    this.#closed = true
    for (const door of this.#doors.values()) door.keeper?.close(reason)
  }

  #keep(key: string): void {
    const door = this.#doors.get(key)
    if (!door || this.#closed) return
    const { identity, deadMs, clock, log, key: nodeKey } = this.#options
    door.restsFor = undefined
    door.keeper = new LinkKeeper({
      ...door.address,
      identity,
      role: 'node',
      key: nodeKey,
      deadMs,
      clock,
      onLink: (link) => this.#up(key, link),
      onDialFailed: () => this.#wake((rest) => rest.key === key),
      onRefused: ({ code, message }) => {
        log.error('a Master refused this Worker', { address: key, code, reason: message })
        this.#wake((rest) => rest.key === key)
      },
      onInvalid: ({ detail, count }) =>
        log.warn('a Master sent what cannot be read', { address: key, detail, count }),
    })
  }

  #up(key: string, link: Link): void {
    const { incarnation } = link.peer
    const olderKey = this.#linked.get(incarnation)
    this.#linked.set(incarnation, key)
    link.whenEnded(() => {
      if (this.#linked.get(incarnation) === key) this.#linked.delete(incarnation)
    })
    this.#options.attach(link)
    const older = olderKey === undefined || olderKey === key ? undefined : this.#doors.get(olderKey)
    if (older) {
      older.restsFor = { key, incarnation }
      older.keeper?.close(`${key} is the same Master`)
      older.keeper = undefined
    }
    this.#wake((rest) => rest.key === key && rest.incarnation !== incarnation)
  }

  #wake(isOver: (rest: NonNullable<Door['restsFor']>) => boolean): void {
    for (const [key, door] of this.#doors) if (door.restsFor && isOver(door.restsFor)) this.#keep(key)
  }
}
