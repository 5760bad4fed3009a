import type { App } from 'firesteel'
import type { BatchCount } from './count-batch.js'
import { batches } from './pieces.js'
import { walk } from './walk.js'
import { mergeCounts, type WordCounts } from './words.js'

export interface Totals {
  files: number
  /** Number of files that are not text. */
  skipped: number
  bytes: number
  words: number
  readonly counts: WordCounts
  tasks: number
  /** Attempts after a failure or after the loss of an executor. */
  retried: number
  /** Files and folders that could not be read, each with the reason if it is known. */
  readonly unreadable: string[]
  /** How many of them were given to a task. */
  unreadableFiles: number
}

/** Called after each task. `bytesDone` counts all bytes given to tasks, text or not. */
export type OnTask = (bytesDone: number) => void

/**
 * The job itself: it takes files and returns totals. Throws the last error of a task, or the signal's reason.
 */
export async function count(
  app: App,
  paths: readonly string[],
  { onTask, signal }: { readonly onTask: OnTask; readonly signal: AbortSignal },
): Promise<Totals> {
  const totals: Totals = {
    ...{ files: 0, skipped: 0, bytes: 0, words: 0, tasks: 0, retried: 0, unreadableFiles: 0 },
    counts: new Map(),
    unreadable: [],
  }
  let bytesDone = 0
  const { countWords } = app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))
  // Files are found while others are counted, and results are added as they come, so memory holds words but
  // no files.
  const work = batches(walk(paths, (place) => totals.unreadable.push(place)))
  for await (const result of app.each(countWords, work, { signal })) {
    if (result.error) throw result.error
    add(totals, result.value)
    bytesDone += result.input.bytes
    onTask(bytesDone)
  }
  const { retried, lost } = app.stats()
  totals.retried = retried + lost
  return totals
}

function add(totals: Totals, batch: BatchCount): void {
  totals.files += batch.files
  totals.skipped += batch.skipped
  totals.bytes += batch.bytes
  totals.words += batch.words
  totals.tasks++
  totals.unreadable.push(...batch.unreadable)
  totals.unreadableFiles += batch.unreadable.length
  mergeCounts(totals.counts, batch.counts)
}
