import { lstatSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'

/** What changes with each write to a file, and with each new name in a folder; undefined: it is not there. */
export function changeStamp(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}

/**
 * Spares the looks at something that has not changed. Its stamp could miss a change, as clocks of file
 * systems tick only every few ms, so a few looks in a row are spared and no more.
 */
export class SparedLooks {
  readonly #stampOf: () => string | undefined
  #stamp: string | undefined
  #spared = 0

  constructor(stampOf: () => string | undefined) {
    this.#stampOf = stampOf
  }

  /** Call it before each look. */
  isNeeded(): boolean {
    const stamp = this.#stampOf()
    if (stamp !== undefined && stamp === this.#stamp && this.#spared < innerLimits.looksSpared) {
      this.#spared++
      return false
    }
    this.#stamp = stamp
    this.#spared = 0
    return true
  }
}
