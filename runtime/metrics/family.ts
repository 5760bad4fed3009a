import type { Histogram } from './histogram.js'

/** A metric as it is declared: once, with all that docs/metrics.md says of it. */
export interface Family {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: readonly string[]
}

export type Families = Readonly<Record<string, Family>>

export type Labels = Readonly<Record<string, string>>
export type Samples = readonly (readonly [labels: Labels, value: number])[]
export type Histograms = readonly (readonly [labels: Labels, histogram: Histogram])[]

/** Reads the present value. A number is the one series of a metric without labels. */
export type Read = () => number | Samples | Histogram | Histograms

/** How each metric of these families is read. */
export type Readings<F extends Families> = Readonly<Record<keyof F, Read>>

export const counter = (help: string, ...labels: string[]): Family => ({ kind: 'counter', help, labels })
export const gauge = (help: string, ...labels: string[]): Family => ({ kind: 'gauge', help, labels })
export const histogram = (help: string, ...labels: string[]): Family => ({ kind: 'histogram', help, labels })

/** One series per value of a label. */
export function byLabel(label: string, counts: Iterable<readonly [value: string, count: number]>): Samples {
  return Array.from(counts, ([value, count]) => [{ [label]: value }, count] as const)
}

/** A gauge that is 1 for the present state, and 0 for all others. */
export function stateSamples(label: string, states: readonly string[], present: string): Samples {
  return states.map((state) => [{ [label]: state }, state === present ? 1 : 0] as const)
}
