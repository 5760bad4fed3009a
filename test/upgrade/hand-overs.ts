/** How long each hand-over took, by the logs of the Masters: one hands over, and another is ALIVE. */
export class HandOvers {
  readonly ms: number[] = []
  #begunAtMs: number | undefined

  readonly hear = (line: string): void => {
    if (line.includes('"hands over: ')) this.#begunAtMs = timeOf(line)
    else if (this.#begunAtMs !== undefined && line.includes('New state: ALIVE')) {
      this.ms.push(timeOf(line) - this.#begunAtMs)
      this.#begunAtMs = undefined
    }
  }
}

const timeOf = (line: string): number => Date.parse((JSON.parse(line) as { at: string }).at)
