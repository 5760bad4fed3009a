/** These are plain functions without any knowledge of a cluster, so they can be tested like any others. */

export interface Throw {
  /** The same seed gives the same darts, so a task that runs twice gives the same result. */
  readonly seed: number
  readonly darts: number
}

/** Throws darts at a square and returns how many hit the quarter circle in it. */
export function hits({ seed, darts }: Throw): number {
  const random = randomNumbers(seed)
  let inside = 0
  for (let dart = 0; dart < darts; dart++) {
    const x = random()
    const y = random()
    if (x * x + y * y <= 1) inside++
  }
  return inside
}

/** A generator of numbers in [0, 1): it mixes the bits of a counter until neighbours are unrelated. */
function randomNumbers(seed: number): () => number {
  // Consecutive seeds begin far apart.
  let counter = Math.imul(seed + 1, 0x9e3779b1)
  return () => {
    counter = (counter + 0x6d2b79f5) | 0
    let mixed = counter ^ (counter >>> 16)
    mixed = Math.imul(mixed, 0x7feb352d)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x846ca68b)
    mixed ^= mixed >>> 16
    return (mixed >>> 0) / 2 ** 32
  }
}
