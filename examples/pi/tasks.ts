/** Plain functions: nothing here knows of a cluster, so they can be tested like any others. */

export interface Throw {
  /** Same seed, same darts: a task that runs twice gives the same result. */
  readonly seed: number
  readonly darts: number
}

/** How many of so many darts, thrown at a square, hit the quarter circle in it. */
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

/** Numbers in [0, 1): a counter, stirred until neighbours have nothing in common. */
function randomNumbers(seed: number): () => number {
  // Seeds that follow each other begin far apart.
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
