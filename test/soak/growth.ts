/** One measurement of a process. */
export interface Sample {
  readonly rssMib: number
  readonly descriptors: number
}

/** The life of one process: its name, and one sample per round in order. */
export interface Life {
  readonly name: string
  readonly samples: readonly Sample[]
}

/**
 * The bounds are generous. A heap follows its load, and links and commands come and go; but a leak grows for
 * ever and crosses any bound.
 */
export const growthBounds = {
  /** The first samples of a life do not count, because code is compiled and caches and traces fill. */
  warmUpSamples: 3,
  /** The start and the end of a life are each the median of this many samples. */
  medianOf: 3,
  /** A shorter life shows nothing. */
  leastSamples: 10,
  rssFactor: 1.5,
  rssMib: 64,
  descriptors: 32,
} as const

/** Lives that are long enough to be judged. */
export const judgedLives = (lives: readonly Life[]): Life[] =>
  lives.filter(({ samples }) => samples.length >= growthBounds.leastSamples)

/** What grew, in words. */
export function growing(lives: readonly Life[]): string[] {
  const { warmUpSamples, medianOf, rssFactor, rssMib, descriptors } = growthBounds
  return judgedLives(lives).flatMap(({ name, samples }) => {
    const first = middle(samples.slice(warmUpSamples, warmUpSamples + medianOf))
    const last = middle(samples.slice(-medianOf))
    const found: string[] = []
    if (last.rssMib > first.rssMib * rssFactor + rssMib) {
      found.push(`${name} grew from ${Math.round(first.rssMib)} to ${Math.round(last.rssMib)} MiB`)
    }
    if (last.descriptors > first.descriptors + descriptors) {
      found.push(`${name} grew from ${first.descriptors} to ${last.descriptors} descriptors`)
    }
    return found
  })
}

/** The median of each measure. */
function middle(samples: readonly Sample[]): Sample {
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
  return {
    rssMib: median(samples.map((sample) => sample.rssMib)),
    descriptors: median(samples.map((sample) => sample.descriptors)),
  }
}
