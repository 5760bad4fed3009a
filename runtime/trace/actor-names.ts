import { actorName, authorityOf, isActorName } from './actor-path.js'
import type { TraceRecord } from './record.js'

/**
 * A process that no other process can dial calls itself by this host. Others know it by the address of its
 * link.
 */
const NAMELESS = /@client:0$/

/**
 * Gives each process of a merged trace one name. Each Master knows a client by the address of another link,
 * and a node perhaps by several hosts. It also knows which processes sent messages but did not answer with a
 * trace.
 */
export class ActorNames {
  /** Incarnation -> its newest name for itself. */
  readonly #own = new Map<string, string>()
  /** Incarnation -> all names that others use for it. */
  readonly #called = new Map<string, Set<string>>()
  /** Name -> the incarnations that had it: an address outlives processes. */
  readonly #holders = new Map<string, Set<string>>()
  /** Incarnation -> path of the actor that sent for it. */
  readonly #spoke = new Map<string, string>()
  readonly #present = new Set<string>()

  /** Adds the names that a process uses for itself and for others. */
  learn(incarnation: string, records: readonly TraceRecord[]): void {
    this.#present.add(incarnation)
    for (const { direction, from, to, peer } of records) {
      const own = authorityOf(direction === 'in' ? to : from)
      if (!NAMELESS.test(own)) this.#own.set(incarnation, own)
      this.#call(incarnation, own)
      if (direction !== 'in' || peer === undefined) continue
      this.#call(peer, authorityOf(from))
      if (isActorName(actorName(from)) || !this.#spoke.has(peer)) this.#spoke.set(peer, from)
    }
  }

  /** Both sides saw one message: `path` is the sender's name for the receiver. */
  met(receiver: string, path: string): void {
    this.#call(receiver, authorityOf(path))
  }

  /** A process with a trace has sent what this incarnation sent: it lives on in that process. */
  accounted(incarnation: string): void {
    this.#present.add(incarnation)
  }

  /**
   * Processes that others received messages from and that gave no trace of their own: incarnation and path.
   */
  absent(): { readonly incarnation: string; readonly path: string }[] {
    return [...this.#spoke]
      .filter(([incarnation]) => !this.#present.has(incarnation))
      .map(([incarnation, path]) => ({ incarnation, path }))
  }

  /** The path under the one name of its process. `seenBy` is the process that recorded it. */
  rename(path: string, seenBy: string): string {
    const authority = authorityOf(path)
    const rest = path.slice(authority.length)
    if (!NAMELESS.test(authority)) return (this.#nameAt(authority) ?? authority) + rest
    // No process with a trace knows it. Its incarnation distinguishes it from others.
    return (this.#nameOf(seenBy) ?? authority.replace(NAMELESS, `@${seenBy || 'client'}:0`)) + rest
  }

  #call(incarnation: string, authority: string): void {
    if (NAMELESS.test(authority)) return
    addTo(this.#called, incarnation, authority)
    addTo(this.#holders, authority, incarnation)
  }

  /**
   * A node that was started again at its address has its newest name for itself. Successive clients of one
   * address are not one process.
   */
  #nameAt(authority: string): string | undefined {
    const holders = [...(this.#holders.get(authority) ?? [])]
    const own = holders.map((holder) => this.#own.get(holder)).find((name) => name !== undefined)
    return own ?? (holders.length === 1 ? this.#nameOf(holders[0]!) : undefined)
  }

  #nameOf(incarnation: string): string | undefined {
    return this.#own.get(incarnation) ?? [...(this.#called.get(incarnation) ?? [])].sort()[0]
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
