/** Nearest rank; NaN for no values. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

/** NaN for no values. */
export const largest = (values: readonly number[]): number =>
  values.length === 0 ? Number.NaN : values.reduce((most, value) => Math.max(most, value))

/** Numbers in [0, 1) from a seed (mulberry32: public domain, and good enough for shuffling). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const SHUFFLES = 10_000

/**
 * How likely chance alone makes the first of each pair longer than the second by as much as measured: a
 * sign-flip permutation test of the mean difference, which assumes no distribution of the lengths. 1 for no
 * values.
 */
export function chanceOfLonger(
  pairs: readonly (readonly [number, number])[],
  random: () => number,
  shuffles = SHUFFLES,
): number {
  const differences = pairs.map(([first, second]) => first - second)
  const seen = differences.reduce((sum, value) => sum + value, 0)
  let asLong = 1
  for (let i = 0; i < shuffles; i++) {
    let sum = 0
    for (const value of differences) sum += random() < 0.5 ? value : -value
    if (sum >= seen) asLong++
  }
  return asLong / (shuffles + 1)
}
