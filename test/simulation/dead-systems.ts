import { createRequire } from 'node:module'

interface SystemMap {
  find(name: string): unknown
  remove(name: string): void
}

const nactSystems = createRequire(import.meta.url)('nact/lib/system-map.js') as SystemMap
/** Most numbers in a row of systems that were stopped in order. */
const GAP = 1000
let next = 1

/**
 * nact keeps every system until it is stopped, and a killed process stops nothing. Call this when no process
 * lives.
 */
export function forgetDeadSystems(): void {
  for (let at = next; at < next + GAP; at++) {
    const name = `firesteel-${at}`
    if (nactSystems.find(name) === undefined) continue
    nactSystems.remove(name)
    next = at + 1
  }
}
