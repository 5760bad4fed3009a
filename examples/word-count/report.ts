import type { Totals } from './count.js'
import { topWords, type WordCount } from './top-words.js'

export interface Report {
  readonly files: number
  readonly bytes: number
  readonly words: number
  readonly top: readonly WordCount[]
  /** Milliseconds from the first task to the last result. */
  readonly ms: number
  readonly executors: number
  readonly tasks: number
  readonly retried: number
}

const TOP = 20

export function reportOf(totals: Totals, ms: number, executors: number): Report {
  const { files, bytes, words, counts, tasks, retried } = totals
  return { files, bytes, words, top: topWords(counts, TOP), ms: Math.round(ms), executors, tasks, retried }
}

/** The report for people. */
export function reportText({ files, bytes, words, top, ms, executors, tasks, retried }: Report): string {
  const longest = Math.max(0, ...top.map(([, count]) => String(count).length))
  const rows = top.map(([word, count]) => `  ${String(count).padStart(longest)}  ${word}`)
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MiB`
  const work = `${tasks} tasks on ${executors} executors, ${retried} repeated`
  return [...rows, '', `${words} words in ${files} text files (${size})`, `${ms} ms: ${work}`, ''].join('\n')
}
