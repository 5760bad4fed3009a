/** What a Worker waits for. A timer of the same kind and subject takes the place of the one before. */
export type WorkerTimer =
  | { readonly kind: 'heartbeat' | 'cleanup' | 'isolation' | 'drain' }
  /** A supervised driver rests between two attempts: `ID/GENERATION`. */
  | { readonly kind: 'restart'; readonly driver: string }

/** One key for each timer that can run beside the others. */
export const keyOfTimer = (timer: WorkerTimer): string =>
  timer.kind === 'restart' ? `restart:${timer.driver}` : timer.kind
