import { Buffer } from 'node:buffer'

const mix = (value: number): number => {
  let mixed = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x119de1f3)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/**
 * All random choices of one input (sfc32). Seed, part and number of the input decide them, so that each input
 * can be made again alone.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1
  /** Number of the input. */
  readonly index: number

  constructor(seed: number, part: number, index: number) {
    this.index = index
    this.#a = mix(seed)
    this.#b = mix(index + 0x9e3779b9)
    this.#c = mix(part + mix(Math.floor(seed / 2 ** 32) + 1))
    for (let i = 0; i < 8; i++) this.uint32()
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return this.uint32() % below
  }

  /** True once in so many. */
  oneIn(many: number): boolean {
    return this.uint32() % many === 0
  }

  pick<T>(items: readonly T[]): T {
    return items[this.uint32() % items.length] as T
  }

  /** A size up to `most`. Small sizes are much more frequent than large ones. */
  size(most: number): number {
    return this.int(1 + this.int(1 + this.int(most + 1)))
  }

  bytes(length: number): Buffer {
    const made = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) made[at] = this.uint32()
    return made
  }
}
