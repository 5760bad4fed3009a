/**
 * What the dispatch of tasks waits for. A timer of the same kind and subject takes the place of the one
 * before.
 */
export type DispatchTimer =
  /** An executor has no link, has not said what it holds, or has not ended. */
  | { readonly kind: 'silence'; readonly execId: number }
  /** An executor has linked that the Master has not announced. */
  | { readonly kind: 'adopt'; readonly execId: number }
  /** An executor may soon give tasks back for idle ones. */
  | { readonly kind: 'rebalance' }
  /** Tasks that failed wait for an executor that has not tried them, while another one is idle. */
  | { readonly kind: 'anywhere' }
  /** A task that failed waits for its next attempt. */
  | { readonly kind: 'retry'; readonly taskId: number }
  /** Tasks of a call wait until its limit lets them begin. */
  | { readonly kind: 'limit'; readonly group: number }

/** One key for each timer that can run beside the others. */
export function keyOfTimer(timer: DispatchTimer): string {
  switch (timer.kind) {
    case 'rebalance':
    case 'anywhere':
      return timer.kind
    case 'limit':
      return `${timer.kind}:${timer.group}`
    case 'retry':
      return `${timer.kind}:${timer.taskId}`
    default:
      return `${timer.kind}:${timer.execId}`
  }
}
