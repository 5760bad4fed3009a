import { reloadResults } from '../tls/tls-source.js'
import { LabelCounts } from './label-counts.js'

export const droppedFrames = ['not_admitted', 'unreadable'] as const

/** What a node counts of its links and of those that wanted one. */
export class NodeMetrics<Refusal extends string = string> {
  /**
   * `not_admitted`: a message that its sender may not send, or that breaks the catalogue. `unreadable`: bytes
   * that are no message; they end the link.
   */
  readonly dropped = new LabelCounts(droppedFrames)
  /** Attempts to use other certificates. */
  readonly tlsReloads = new LabelCounts(reloadResults)
  /** Connections that did not become links. */
  readonly refused: LabelCounts<Refusal>

  constructor(refusals: readonly Refusal[]) {
    this.refused = new LabelCounts(refusals)
  }
}
