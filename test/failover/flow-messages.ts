/* What the measuring process and the application's own process say to each other. */

export interface FlowOrder {
  readonly address: string
  readonly secret: string
  /** What tasks append to. */
  readonly file: string
  readonly cores: number
  readonly taskMs: number
  /** Default `small`, for what is timed. `mixed`: of sizes around every threshold, waiting or not, some that fail. */
  readonly tasks?: 'small' | 'mixed'
}

export type FlowQuestion =
  | { readonly ask: 'start'; readonly order: FlowOrder }
  | { readonly ask: 'gap'; readonly fromMs: number; readonly toMs: number }
  | { readonly ask: 'look' }
  | { readonly ask: 'drain'; readonly patienceMs: number }

export interface FlowTotals {
  /** Tasks given to the cluster. */
  readonly given: number
  /** Tasks that never gave a result, or an error instead of one. */
  readonly lost: number
  /** Results that came once more, or were those of another task. */
  readonly twice: number
  /** What the library itself says was repeated, with the cause. */
  readonly repeated: readonly string[]
  /** Leaderships that the application followed though it had seen a later one. */
  readonly followedDeposed: number
}

export interface FlowLook {
  readonly delivered: number
  readonly twice: number
  /** Of the oldest task without a result; 0 where each has one. */
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
