import { briefSeconds, Histogram } from './histogram.js'
import { LabelCounts } from './label-counts.js'
import { MessageCounts } from './message-counts.js'

/** What an actor system counts of itself. */
export class SystemMetrics<Reason extends string = string> {
  readonly messages = new MessageCounts()
  /** How long messages waited in mailboxes, of one message per mailbox at a time. */
  readonly mailboxWait = new Histogram(briefSeconds)
  readonly deadLetters: LabelCounts<Reason>

  constructor(deadLetterReasons: readonly Reason[]) {
    this.deadLetters = new LabelCounts(deadLetterReasons)
  }
}
