import type { SimulationOptions } from './simulation.js'

/** A history in which a promise was broken once. `what` also stands in docs/testing.md. */
export interface Regression extends SimulationOptions {
  readonly what: string
}

export const regressions: readonly Regression[] = [
  {
    what: 'the Master with the image is elected, cannot read, and two more are: the tail is lost',
    seed: 150,
    chaosMs: 37_228,
    skip: new Set([10, 11, 12, 13, 14]),
    shape: { submitters: 1, lockServers: 1, masters: 3 },
  },
]
