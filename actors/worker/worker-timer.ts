/** What a Worker waits for. A timer of the same kind and subject takes the place of the one before. */
export type WorkerTimer =
  | { readonly kind: 'heartbeat' | 'cleanup' | 'isolation' | 'drain' }
  /** A supervised driver rests between two attempts: `ID/GENERATION`. */
  | { readonly kind: 'restart'; readonly driver: string }
  /** A process has run for as long as it may: `ID/GENERATION/ATTEMPT`. */
  | { readonly kind: 'timeout'; readonly process: string }

/** One key for each timer that can run beside the others. */
export function keyOfTimer(timer: WorkerTimer): string {
  if (timer.kind === 'restart') return `restart:${timer.driver}`
  return timer.kind === 'timeout' ? `timeout:${timer.process}` : timer.kind
}
