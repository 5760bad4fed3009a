/** One look at a process. */
export interface Sample {
  readonly rssMib: number
  readonly descriptors: number
}

/** One life of a process: name and samples in order, one a round. */
export interface Life {
  readonly name: string
  readonly samples: readonly Sample[]
}

/**
 * Generous: a heap breathes with what it is given to do, links and commands come and go. What leaks does so for ever,
 * and crosses any such line.
 */
export const growthBounds = {
  /** Of a life: code is compiled, caches and traces fill. */
  warmUpSamples: 3,
  /** The median of so many is where it began, and where it has come to. */
  medianOf: 3,
  /** Shorter lives tell nothing. */
  leastSamples: 10,
  rssFactor: 1.5,
  rssMib: 64,
  descriptors: 32,
} as const

/** Lives that are long enough to say something. */
export const judgedLives = (lives: readonly Life[]): Life[] =>
  lives.filter(({ samples }) => samples.length >= growthBounds.leastSamples)

/** What grew, for people. */
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

/** The median of each. */
function middle(samples: readonly Sample[]): Sample {
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
  return {
    rssMib: median(samples.map((sample) => sample.rssMib)),
    descriptors: median(samples.map((sample) => sample.descriptors)),
  }
}
