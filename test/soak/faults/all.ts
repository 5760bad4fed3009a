import { pick, type Random, type Shape } from '../draw.js'
import type { FaultName } from '../fault-names.js'
import type { Fault } from './fault.js'
import { linkFaults } from './link-faults.js'
import { nodeFaults } from './node-faults.js'
import { peerFaults } from './peer-faults.js'
import { storeFaults } from './store-faults.js'

const all: readonly Fault[] = [...nodeFaults, ...linkFaults, ...storeFaults, ...peerFaults]

/** Draws one of the wanted faults that fit this cluster. Throws if none fits. */
export function drawFault(random: Random, wanted: readonly FaultName[], shape: Shape): Fault {
  const fitting = all.filter(({ name, fits }) => wanted.includes(name) && (fits?.(shape) ?? true))
  if (fitting.length === 0) throw new Error(`none of ${wanted.join(', ')} fits this cluster`)
  return pick(random, fitting)
}
