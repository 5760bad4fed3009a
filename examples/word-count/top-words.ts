export type WordCount = [word: string, count: number]

/** The `most` commonest words, the commonest first. Equally common words are ordered by code point. */
export function topWords(counts: ReadonlyMap<string, number>, most: number): WordCount[] {
  const top: WordCount[] = []
  for (const entry of counts) {
    const last = top[most - 1]
    if (last !== undefined && byRank(last, entry) <= 0) continue
    // Only the few best of many thousand words are ever sorted.
    const at = top.findIndex((other) => byRank(entry, other) < 0)
    top.splice(at < 0 ? top.length : at, 0, entry)
    if (top.length > most) top.pop()
  }
  return top
}

function byRank([wordA, countA]: WordCount, [wordB, countB]: WordCount): number {
  return countB - countA || compareCodePoints(wordA, wordB)
}

/** UTF-8 sorts by code point. `<` compares UTF-16 units and puts emoji before the last Chinese characters. */
export function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
