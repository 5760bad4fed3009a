/** The random numbers of one simulated history: the same seed draws the same numbers (sfc32). */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = (seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9 | 0
    for (let i = 0; i < 16; i++) this.next()
  }

  /** In [0, 1). */
  readonly next = (): number => {
    const t = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t
    return (t >>> 0) / 2 ** 32
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** Waiting times of random events that come `meanMs` apart on average. */
  exponential(meanMs: number): number {
    return -Math.log(1 - this.next()) * meanMs
  }

  /** A stream of its own: what one part draws does not change the others. */
  fork(): Random {
    return new Random(this.int(2 ** 31) + this.int(2 ** 20) * 2 ** 32)
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits)
      text += this.int(2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return text.slice(0, digits)
  }
}
