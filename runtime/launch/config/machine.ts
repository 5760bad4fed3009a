import { lookup } from 'node:dns/promises'
import { availableParallelism, networkInterfaces, totalmem } from 'node:os'
import { isLoopback } from '../../addresses.js'
import { innerLimits } from '../../inner-limits.js'

const MIB = 1024 * 1024
/** Memory that is left to the system and to the Worker itself. */
const RESERVED_MIB = innerLimits.machineReservedMib

export const machineCores = (): number => availableParallelism()

/** Memory that a Worker offers by default: all of the machine less 1g, at least half. */
export function defaultMemoryMib(totalMib: number): number {
  return Math.max(1, Math.floor(Math.max(totalMib - RESERVED_MIB, totalMib / 2)))
}

/**
 * What a Worker offers that does not say how much: the Workers of one host share what the others leave, in
 * equal parts. Each gets at least what an equal part of the whole would be, and never nothing. `given` has
 * the amount of each Worker, null where it names none; `index` is the Worker in question.
 */
export function shareOf(total: number, given: readonly (number | null)[], index: number): number {
  const named = given.filter((amount) => amount !== null)
  const open = given.length - named.length
  const rest = Math.max(0, total - named.reduce((sum, amount) => sum + amount, 0))
  const before = given.slice(0, index).filter((amount) => amount === null).length
  const part = Math.floor(rest / open) + (before < rest % open ? 1 : 0)
  return Math.max(1, part, Math.floor(total / given.length))
}

/** Memory of this machine, or of the container if that is less. */
export function machineMemoryMib(): number {
  const limit = process.constrainedMemory()
  const total = totalmem()
  return Math.floor((limit > 0 && limit < total ? limit : total) / MIB)
}

/** Whether a `host` of a deployment file is an address of this machine. */
export async function isOwnHost(host: string): Promise<boolean> {
  if (isLoopback(host) || host === '0.0.0.0' || host === '::') return true
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
  )
  if (own.has(host)) return true
  try {
    const found = await lookup(host, { all: true })
    return found.some(({ address }) => own.has(address) || isLoopback(address))
  } catch {
    // A name that cannot be resolved here belongs to another machine.
    return false
  }
}
