export type WordCounts = Map<string, number>

const WORD = /[\p{L}\p{N}_]+/gu

/** Adds the words of `text` to `counts`. Returns how many there were. */
export function countWordsOf(text: string, counts: WordCounts): number {
  const words = text.toLowerCase().match(WORD) ?? []
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return words.length
}

/** Adds `from` to `into`. */
export function mergeCounts(into: WordCounts, from: ReadonlyMap<string, number>): void {
  for (const [word, count] of from) into.set(word, (into.get(word) ?? 0) + count)
}
