import type { SpawnRequest } from './spawner.js'

/* What a Worker and its guard say to each other about starts. The other lines are those of GuardLedger. */

/** `start {"id":1,"request":{...}}` */
export const startVerb = 'start '

export interface ToStart {
  /** Chosen by the Worker. The answer repeats it. */
  readonly id: number
  readonly request: SpawnRequest
}

/** JSON, one per line. */
export type FromGuard =
  | { readonly type: 'started'; readonly id: number; readonly pid: number; readonly startTime: string }
  /** `code` is one of the system, such as ENOENT. */
  | { readonly type: 'failed'; readonly id: number; readonly code: string; readonly message: string }
  | {
      readonly type: 'ended'
      readonly pid: number
      readonly startTime: string
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
    }

export const startLine = (start: ToStart): string => startVerb + JSON.stringify(start)
