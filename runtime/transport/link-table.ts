import type { LinkEnd } from './link-end.js'

/** What the table needs of a link. The simulator has a link of its own. */
export interface TableLink {
  readonly peer: { readonly incarnation: string; readonly role: string; readonly subject?: string }
  readonly isOpen: boolean
  close(reason?: string): void
  replace(reason: string): void
  whenEnded(listener: (end: LinkEnd) => void): void
}

/** Nobody gets a role that is not proved by its key. */
const standingOf = (role: string): number => (role === 'node' ? 2 : role === 'worker' ? 1 : 0)

/** The links of one process, at most one for each peer incarnation (protocol R3). */
export class LinkTable<L extends TableLink> {
  readonly #links = new Map<string, L>()

  get size(): number {
    return this.#links.size
  }

  /**
   * Adds a link. An older link to the same incarnation ends as `replaced`. False, and the new link is closed,
   * if another role or subject has a link of that incarnation: a client must not replace a Worker's link. Nor
   * must it keep a Worker out, because whoever sees the state knows the Worker's incarnation: so the link of
   * a node takes the place of any other, and that of a Worker with a token those of clients and programs.
   */
  add(link: L): boolean {
    if (!link.isOpen) return false
    const { incarnation, role, subject } = link.peer
    const older = this.#links.get(incarnation)
    if (older === link) return true
    const isOther = older !== undefined && (older.peer.role !== role || older.peer.subject !== subject)
    if (isOther && standingOf(role) <= standingOf(older.peer.role)) {
      link.close(`incarnation ${incarnation} is linked as ${older.peer.role}`)
      return false
    }
    this.#links.set(incarnation, link)
    older?.replace(`a newer link to ${incarnation}`)
    link.whenEnded(() => {
      if (this.#links.get(incarnation) === link) this.#links.delete(incarnation)
    })
    return true
  }

  /** The open link to an incarnation. */
  get(incarnation: string): L | undefined {
    const link = this.#links.get(incarnation)
    return link?.isOpen ? link : undefined
  }

  [Symbol.iterator](): IterableIterator<L> {
    return this.#links.values()
  }

  closeAll(reason?: string): void {
    for (const link of [...this.#links.values()]) link.close(reason)
  }
}
