import { batchSizes, briefSeconds, Histogram } from './histogram.js'
import { LabelCounts } from './label-counts.js'

export const commitOutcomes = [
  'ok',
  'duplicate',
  'refused',
  'unknown',
  'deposed',
  'rewound',
  'failed',
] as const
export type CommitOutcomeKind = (typeof commitOutcomes)[number]

/** What a commit queue sent, and what came of it. */
export class CommitMetrics {
  /** From the first sending of a commit until it is durable, all repetitions included. */
  readonly duration = new Histogram(briefSeconds)
  /** Records in one durable commit. */
  readonly records = new Histogram(batchSizes)
  /** Answers of the store to commits. A commit that is sent again has several. */
  readonly outcomes = new LabelCounts(commitOutcomes)
  #writeId = ''
  #firstSentMs = 0

  sent(writeId: string, nowMs: number): void {
    if (writeId === this.#writeId) return
    this.#writeId = writeId
    this.#firstSentMs = nowMs
  }

  answered(outcome: CommitOutcomeKind, records: number, nowMs: number): void {
    this.outcomes.add(outcome)
    if (outcome !== 'ok' && outcome !== 'duplicate') return
    this.duration.observe((nowMs - this.#firstSentMs) / 1000)
    this.records.observe(records)
  }
}
