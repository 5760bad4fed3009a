import { memoryText, memoryTexts } from '../../runtime/pages/words.js'
import { addressesOf, type ResourceAddresses } from '../messages/common.js'

/** The capacity that one launch takes. The Master chose the addresses of the resources. */
export interface Holding {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
}

/**
 * The free capacity of this Worker (protocol S4). A launch that needs more is refused, whatever the Master
 * believes. Taken capacity is free again only when the process group is gone.
 */
export class ResourceAccount {
  readonly #total: Holding
  readonly #holdings = new Map<string, Holding>()
  readonly #takenAddresses = new Map<string, Set<string>>()
  #coresUsed = 0
  #memoryMibUsed = 0

  constructor(total: Holding) {
    this.#total = total
  }

  get coresUsed(): number {
    return this.#coresUsed
  }

  get memoryMibUsed(): number {
    return this.#memoryMibUsed
  }

  get resourcesUsed(): ResourceAddresses {
    const used: ResourceAddresses = {}
    for (const [name, taken] of this.#takenAddresses) if (taken.size > 0) used[name] = [...taken]
    return used
  }

  get isEmpty(): boolean {
    return this.#holdings.size === 0
  }

  /** Undefined: taken. Otherwise one sentence says what is missing, and nothing was taken. */
  take(key: string, wanted: Holding): string | undefined {
    const refusal = this.#refusal(wanted)
    if (refusal !== undefined) return refusal
    if (this.#holdings.has(key)) return `${key} already holds its capacity`
    this.hold(key, wanted)
    return undefined
  }

  /** What runs holds its capacity, even if this Worker offers less than the process before. */
  hold(key: string, wanted: Holding): void {
    this.#holdings.set(key, wanted)
    this.#coresUsed += wanted.cores
    this.#memoryMibUsed += wanted.memoryMib
    for (const [name, addresses] of Object.entries(wanted.resources)) {
      const taken = this.#takenAddresses.get(name) ?? new Set()
      for (const address of addresses) taken.add(address)
      this.#takenAddresses.set(name, taken)
    }
  }

  release(key: string): void {
    const held = this.#holdings.get(key)
    if (!held) return
    this.#holdings.delete(key)
    this.#coresUsed -= held.cores
    this.#memoryMibUsed -= held.memoryMib
    for (const [name, addresses] of Object.entries(held.resources)) {
      for (const address of addresses) this.#takenAddresses.get(name)?.delete(address)
    }
  }

  #refusal(wanted: Holding): string | undefined {
    const cores = this.#total.cores - this.#coresUsed
    if (wanted.cores > cores) return `needs ${wanted.cores} cores, ${cores} of ${this.#total.cores} are free`
    const memoryMib = this.#total.memoryMib - this.#memoryMibUsed
    if (wanted.memoryMib > memoryMib) {
      const [needs, free] = memoryTexts(wanted.memoryMib, memoryMib)
      return `needs ${needs}, ${free} of ${memoryText(this.#total.memoryMib)} are free`
    }
    for (const [name, addresses] of Object.entries(wanted.resources)) {
      const offered = addressesOf(this.#total.resources, name)
      const taken = this.#takenAddresses.get(name)
      const seen = new Set<string>()
      for (const address of addresses) {
        if (!offered.includes(address)) return `needs ${name} ${address}, which this Worker does not have`
        if (taken?.has(address)) return `needs ${name} ${address}, which is taken`
        if (seen.has(address)) return `names ${name} ${address} twice`
        seen.add(address)
      }
    }
    return undefined
  }
}
