import type { LinkEnd } from './link-end.js'

/** What the table needs of a link; the simulator has its own. */
export interface TableLink {
  readonly peer: { readonly incarnation: string; readonly role: string; readonly subject?: string }
  readonly isOpen: boolean
  close(reason?: string): void
  replace(reason: string): void
  whenEnded(listener: (end: LinkEnd) => void): void
}

/** The links of one process, at most one for each peer incarnation (protocol R3). */
export class LinkTable<L extends TableLink> {
  readonly #links = new Map<string, L>()

  get size(): number {
    return this.#links.size
  }

  /**
   * Takes a new link in; an older one to the same incarnation ends as `replaced`. False, and the new one is closed,
   * where the incarnation is held by another role or subject: a client must not push a Worker's link out.
   */
  add(link: L): boolean {
    if (!link.isOpen) return false
    const { incarnation, role, subject } = link.peer
    const older = this.#links.get(incarnation)
    if (older === link) return true
    if (older !== undefined && (older.peer.role !== role || older.peer.subject !== subject)) {
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
