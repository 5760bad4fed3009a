/* Messages between the measuring process and the application's process. */

export interface FlowOrder {
  readonly address: string
  readonly secret: string
  /** File of the CA of a cluster with TLS. */
  readonly ca?: string | undefined
  /** File to which tasks append. */
  readonly file: string
  readonly cores: number
  readonly taskMs: number
  /**
   * Default `small`, for timed runs. `mixed`: sizes around every threshold, waiting or not, some that fail.
   */
  readonly tasks?: 'small' | 'mixed'
}

export type FlowQuestion =
  | { readonly ask: 'start'; readonly order: FlowOrder }
  | { readonly ask: 'gap'; readonly fromMs: number; readonly toMs: number }
  | { readonly ask: 'look' }
  | { readonly ask: 'drain'; readonly patienceMs: number }

export interface FlowTotals {
  /** Tasks that were given to the cluster. */
  readonly given: number
  /** Tasks without a result, or with an error instead of one. */
  readonly lost: number
  /** Results that came twice, or that belonged to another task. */
  readonly twice: number
  /** What the library itself reports as repeated, with the cause. */
  readonly repeated: readonly string[]
  /** Leaderships that the application followed although it had seen a later one. */
  readonly followedDeposed: number
}

export interface FlowLook {
  readonly delivered: number
  readonly twice: number
  /** Age of the oldest task without a result; 0 if each has one. */
  readonly oldestMs: number
  /** Since the last look, as in FlowTotals. */
  readonly repeated: readonly string[]
  readonly followedDeposed: number
}

export type FlowAnswer =
  | { readonly answer: 'started' }
  | { readonly answer: 'looked'; readonly look: FlowLook }
  | { readonly answer: 'gap'; readonly gapMs: number }
  | { readonly answer: 'drained'; readonly totals: FlowTotals }
  | { readonly answer: 'failed'; readonly reason: string }
