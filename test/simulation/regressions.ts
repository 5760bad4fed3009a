import type { SimulationOptions } from './simulation.js'

/** A history in which a promise was broken once. `what` also stands in docs/testing.md. */
export interface Regression extends SimulationOptions {
  readonly what: string
}

export const regressions: readonly Regression[] = []
