import { actorName, authorityOf } from './actor-path.js'
import type { TraceRecord } from './record.js'

/** A process that nobody can reach calls itself by this host; others know it by the address of its link. */
const NAMELESS = /@client:0$/

/**
 * One name for each process of a merged trace: a client is known to each Master by the address of another link, a node
 * perhaps by several hosts. Also knows of whom was heard that did not answer.
 */
export class ActorNames {
  /** Incarnation -> what it calls itself, the newest. */
  readonly #own = new Map<string, string>()
  /** Incarnation -> all that anybody calls it. */
  readonly #called = new Map<string, Set<string>>()
  /** What somebody is called -> the incarnations called so: an address outlives processes. */
  readonly #holders = new Map<string, Set<string>>()
  /** Incarnation -> path of the actor that spoke for it. */
  readonly #spoke = new Map<string, string>()
  readonly #present = new Set<string>()

  /** Takes what a process calls itself and others. */
  learn(incarnation: string, records: readonly TraceRecord[]): void {
    this.#present.add(incarnation)
    for (const { direction, from, to, peer } of records) {
      const own = authorityOf(direction === 'in' ? to : from)
      if (!NAMELESS.test(own)) this.#own.set(incarnation, own)
      this.#call(incarnation, own)
      if (direction !== 'in' || peer === undefined) continue
      this.#call(peer, authorityOf(from))
      if (actorName(from) !== 'system' || !this.#spoke.has(peer)) this.#spoke.set(peer, from)
    }
  }

  /** One message seen by both: what its sender calls its receiver. */
  met(receiver: string, path: string): void {
    this.#call(receiver, authorityOf(path))
  }

  /** Somebody present has sent what this incarnation sent: it lives on in that process. */
  accounted(incarnation: string): void {
    this.#present.add(incarnation)
  }

  /** Those who were heard by others, and whose own process has not told its trace: incarnation and path. */
  absent(): { readonly incarnation: string; readonly path: string }[] {
    return [...this.#spoke]
      .filter(([incarnation]) => !this.#present.has(incarnation))
      .map(([incarnation, path]) => ({ incarnation, path }))
  }

  /** The path under the one name of its process. `seenBy`: the process that recorded it. */
  rename(path: string, seenBy: string): string {
    const authority = authorityOf(path)
    const rest = path.slice(authority.length)
    if (!NAMELESS.test(authority)) return (this.#nameAt(authority) ?? authority) + rest
    // Of whom nobody present has heard: its incarnation tells it from others.
    return (this.#nameOf(seenBy) ?? authority.replace(NAMELESS, `@${seenBy || 'client'}:0`)) + rest
  }

  #call(incarnation: string, authority: string): void {
    if (NAMELESS.test(authority)) return
    addTo(this.#called, incarnation, authority)
    addTo(this.#holders, authority, incarnation)
  }

  /** A node that was started again at its address is called as it calls itself; clients after each other are not one. */
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
