import { innerLimits } from './inner-limits.js'

/** Edits from one word to another: insert, delete, replace, and swap of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1)
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}

/** Longer words are not compared, because the cost is the product of the lengths. */
const COMPARED_MAX = innerLimits.nearestChars

/** The valid word that is nearest to the written one, if it is near enough to be a likely mistake. */
export function nearestWord(written: string, valid: readonly string[]): string | undefined {
  if (written.length > COMPARED_MAX) return undefined
  const plain = written.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 1
  for (const word of valid) {
    const distance = editDistance(plain, word.toLowerCase())
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}
