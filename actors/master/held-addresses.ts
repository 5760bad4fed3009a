import { addressesOf, type ResourceAddresses } from '../messages/common.js'

/**
 * Which addresses of resources the holdings of one Worker use. It is kept up to date with each holding: a
 * Worker may have thousands of both, and one pass of the scheduler asks for what is free some hundred times.
 */
export class HeldAddresses {
  /** How many holdings use each address: reports may name one twice. */
  readonly #uses = new Map<string, Map<string, number>>()
  #offered: ResourceAddresses = {}
  /** What is free of `#offered`, by name, as far as it has been asked for since it changed. */
  readonly #freeOf = new Map<string, string[]>()
  #free: ResourceAddresses | undefined

  hold(resources: ResourceAddresses): void {
    for (const name in resources) {
      const uses = this.#uses.get(name) ?? new Map<string, number>()
      this.#uses.set(name, uses)
      for (const address of addressesOf(resources, name)) uses.set(address, (uses.get(address) ?? 0) + 1)
      this.#changed(name)
    }
  }

  release(resources: ResourceAddresses): void {
    for (const name in resources) {
      const uses = this.#uses.get(name)
      if (!uses) continue
      for (const address of addressesOf(resources, name)) {
        const others = (uses.get(address) ?? 0) - 1
        if (others > 0) uses.set(address, others)
        else uses.delete(address)
      }
      if (uses.size === 0) this.#uses.delete(name)
      this.#changed(name)
    }
  }

  clear(): void {
    this.#uses.clear()
    this.#freeOf.clear()
    this.#free = undefined
  }

  /** Addresses of `offered` that no holding uses, per resource. */
  freeOf(offered: ResourceAddresses): ResourceAddresses {
    if (offered !== this.#offered) {
      this.#offered = offered
      this.#freeOf.clear()
      this.#free = undefined
    }
    this.#free ??= Object.fromEntries(Object.keys(offered).map((name) => [name, this.#freeNamed(name)]))
    return this.#free
  }

  #freeNamed(name: string): string[] {
    const known = this.#freeOf.get(name)
    if (known) return known
    const uses = this.#uses.get(name)
    const free = addressesOf(this.#offered, name).filter((address) => !uses?.has(address))
    this.#freeOf.set(name, free)
    return free
  }

  #changed(name: string): void {
    this.#freeOf.delete(name)
    this.#free = undefined
  }
}
