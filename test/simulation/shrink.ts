import type { Shape } from './shape.js'
import { type SimulationOptions, type SimulationResult, simulate } from './simulation.js'

/** A failure reduced to what it needs. */
export interface Shrunk {
  readonly options: SimulationOptions
  readonly result: SimulationResult
  readonly tries: number
}

const smaller: readonly (readonly [keyof Shape, number])[] = [
  ['applications', 0],
  ['submitters', 1],
  ['workers', 1],
  ['workers', 2],
  ['lockServers', 1],
  ['masters', 2],
  ['masters', 3],
]

/**
 * Leaves out faults (delta debugging) and nodes as long as the same invariant breaks. `most`: histories that
 * it may try.
 */
export async function shrink(
  found: SimulationOptions,
  result: SimulationResult,
  most = 400,
): Promise<Shrunk> {
  const invariant = result.violation?.invariant
  let best: SimulationOptions = { ...found, chaosMs: Math.min(found.chaosMs, Math.ceil(result.virtualMs)) }
  let bestResult = result
  let tries = 0
  const fails = async (options: SimulationOptions): Promise<boolean> => {
    if (tries >= most) return false
    tries++
    const next = await simulate(options)
    if (next.violation?.invariant !== invariant) return false
    best = options
    bestResult = next
    return true
  }
  if (!(await fails(best))) best = found
  const kept = (): number[] =>
    Array.from({ length: bestResult.faultCount }, (_, n) => n).filter((n) => !best.skip?.has(n))
  for (let size = Math.ceil(kept().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept().length && tries < most; ) {
      const without = new Set([...(best.skip ?? []), ...kept().slice(at, at + size)])
      if (!(await fails({ ...best, skip: without }))) at += size
    }
  }
  for (const [part, count] of smaller) await fails({ ...best, shape: { ...best.shape, [part]: count } })
  return { options: best, result: bestResult, tries }
}
