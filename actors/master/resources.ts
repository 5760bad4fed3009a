import {
  addressesOf,
  type Labels,
  labelsFit,
  type ResourceAddresses,
  type ResourceAmounts,
} from '../messages/common.js'

/** Cores, memory and custom resources that a launch holds on a Worker. */
export interface Holding {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
}

export interface Demand {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAmounts
  /** Labels that a Worker must have. */
  readonly on?: Labels | undefined
}

/** The same for demands that any Worker would meet alike. */
export function demandKey({ cores, memoryMib, resources, on = {} }: Demand): string {
  const sorted = (record: object) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([cores, memoryMib, sorted(resources), sorted(on)])
}

/**
 * The first free addresses that satisfy `amounts` (Spark: exclusive, whole units); undefined if there are too
 * few.
 */
export function takeAddresses(
  free: ResourceAddresses,
  amounts: ResourceAmounts,
): ResourceAddresses | undefined {
  const taken: ResourceAddresses = {}
  for (const [name, amount] of Object.entries(amounts)) {
    const addresses = addressesOf(free, name)
    if (addresses.length < amount) return undefined
    taken[name] = addresses.slice(0, amount)
  }
  return taken
}

/** All addresses in use, per resource, for status pages. */
export function usedAddresses(held: Iterable<Holding>): ResourceAddresses {
  const used = new Map<string, string[]>()
  for (const { resources } of held) {
    for (const [name, addresses] of Object.entries(resources)) {
      const all = used.get(name)
      if (all) all.push(...addresses)
      else used.set(name, [...addresses])
    }
  }
  return Object.fromEntries(used)
}

/** How many names and addresses these are. */
export function namesIn(resources: ResourceAddresses): number {
  let names = 0
  for (const name in resources) names += 1 + addressesOf(resources, name).length
  return names
}

/**
 * True: `large` needs at least as much as `small` of everything, on no more Workers. Only the resources and
 * labels of `small` are compared.
 */
export function isWithin(small: Demand, large: Demand): boolean {
  if (small.cores > large.cores || small.memoryMib > large.memoryMib) return false
  if (!labelsFit(large.on ?? {}, small.on)) return false
  for (const name in small.resources)
    if (!Object.hasOwn(large.resources, name) || large.resources[name]! < small.resources[name]!) return false
  return true
}
