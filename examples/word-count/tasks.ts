import { context } from 'firesteel/task'
import { type BatchCount, countBatch } from './count-batch.js'
import type { Batch } from './pieces.js'

/** Runs on an executor. Its input and result are plain data: they travel between processes. */
export function countWords(batch: Batch): Promise<BatchCount> {
  return countBatch(batch, context().signal)
}
