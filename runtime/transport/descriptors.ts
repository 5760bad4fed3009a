import { readFileSync } from 'node:fs'
import { limits } from '../limits.js'

/** Files that this process may open at a time; undefined where the system does not say. */
export function descriptorLimit(
  read: () => string = () => readFileSync('/proc/self/limits', 'utf8'),
): number | undefined {
  try {
    const [, most] = /^Max open files +(\d+)/m.exec(read()) ?? []
    return most === undefined ? undefined : Number(most)
  } catch {
    return undefined
  }
}

/** `most`, or fewer where that is more than its share of the files that this process may open. */
export function withinDescriptors(most: number, limit: number | undefined): number {
  return limit === undefined ? most : Math.max(1, Math.min(most, Math.floor(limit * limits.descriptorShare)))
}
