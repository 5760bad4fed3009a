import { types } from 'node:util'
import { isError } from './value-parts.js'

/*
 * Whether a value is worth the attempt to write it in few bytes. V8 writes all of a value before it tells the
 * size, and all before the part that it refuses. This walk ends at the first such part, or once it has seen
 * more than fits.
 */

/**
 * False: V8 would need more bytes for the value, or would refuse it. It takes a byte at least for each
 * mention of a part and for each character of a text. What an error holds is not looked at: it has bounds of
 * its own. Throws what the user's getters throw.
 */
export function mayFit(value: unknown, bytes: number): boolean {
  const walk = new Walk(bytes)
  return walk.takes(value) && walk.takesInside()
}

class Walk {
  #left: number
  readonly #seen = new Set<object>()
  readonly #open: object[] = []

  constructor(bytes: number) {
    this.#left = bytes
  }

  /** Counts one mention of a part. What is inside of it is left for `takesInside`. */
  takes(part: unknown): boolean {
    if (typeof part === 'function' || typeof part === 'symbol') return false
    this.#left -= typeof part === 'string' ? part.length + 1 : 1
    if (typeof part === 'object' && part !== null && !this.#seen.has(part)) {
      this.#seen.add(part)
      this.#open.push(part)
    }
    return this.#left >= 0
  }

  takesInside(): boolean {
    for (let part = this.#open.pop(); part !== undefined; part = this.#open.pop()) {
      if (!isError(part) && !this.#takesPartsOf(part)) return false
    }
    return true
  }

  #takesPartsOf(value: object): boolean {
    if (types.isProxy(value)) return false
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
      this.#left -= value.byteLength
      return this.#left >= 0
    }
    if (types.isMap(value)) {
      for (const [key, item] of value) if (!this.takes(key) || !this.takes(item)) return false
      return true
    }
    if (types.isSet(value)) {
      for (const item of value) if (!this.takes(item)) return false
      return true
    }
    if (Array.isArray(value) && value.length > this.#left && isCrowded(value, this.#left)) return false
    for (const key of Object.keys(value)) {
      if (!this.takes((value as Record<string, unknown>)[key])) return false
    }
    return true
  }
}

/** True: of its first members more than so many exist. Of a list with holes V8 writes only what exists. */
function isCrowded(list: readonly unknown[], members: number): boolean {
  for (let index = 0; index <= members; index++) if (!Object.hasOwn(list, index)) return false
  return true
}
