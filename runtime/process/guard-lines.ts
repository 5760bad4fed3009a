import type { CgroupHome } from './cgroup-files.js'
import type { SpawnRequest } from './spawner.js'

/*
 * What a Worker and its guard say to each other about starts and restarts. The other lines are those of
 * GuardLedger. A guard may be older than its Worker, so it says which version of this it speaks.
 */

/** 2: a start names the user that it runs as. */
export const guardVersion = 2

/** `start {"id":1,"request":{...}}` */
export const startVerb = 'start '
export const removeVerb = 'remove '
/** `prepare {"token":"...","folder":"..."}`: a socket there, at which the next Worker process claims. */
export const prepareVerb = 'prepare '
/** The restart does not take place. */
export const abandonLine = 'abandon'
/** `outlive {"untilBootMs":1,"record":"..."}` */
export const outliveVerb = 'outlive '
/** `claim TOKEN`, from the next Worker process. */
export const claimVerb = 'claim '

/** `cgroup {"path":"...","hasLimits":false}`: what is started from now on gets a group there. */
export const cgroupVerb = 'cgroup '
/** `kill PID`: SIGKILL for all in its control group. */
export const killVerb = 'kill '

export interface ToStart {
  /** Chosen by the Worker. The answer repeats it. */
  readonly id: number
  readonly request: SpawnRequest
}

export interface ToPrepare {
  /** Whoever knows it is the next Worker process. It is used once. */
  readonly token: string
  /** Only its owner may enter it. */
  readonly folder: string
}

export interface ToOutlive {
  readonly untilBootMs: number
  /** What the next Worker process must know. The guard does not read it. */
  readonly record: string
}

export interface Ended {
  readonly type: 'ended'
  readonly pid: number
  readonly startTime: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Yours {
  readonly type: 'yours'
  readonly version: number
  /** Of the guard. */
  readonly pid: number
  readonly record: string
  readonly ends: readonly Ended[]
  readonly groups: readonly {
    readonly pid: number
    readonly startTime: string
    readonly validUntilBootMs?: number
    readonly cgroup?: string
  }[]
}

/** JSON, one per line. */
export type FromGuard =
  | {
      readonly type: 'started'
      readonly id: number
      readonly pid: number
      readonly startTime: string
      readonly cgroup?: string
      /** Why it has no control group, or no limits there. */
      readonly cgroupProblem?: string
    }
  /** `code` is one of the system, such as ENOENT. */
  | { readonly type: 'failed'; readonly id: number; readonly code: string; readonly message: string }
  | Ended
  | { readonly type: 'prepared'; readonly problem?: string }
  | { readonly type: 'held'; readonly problem?: string }
  | Yours
  | { readonly type: 'refused'; readonly reason: string }

export const startLine = (start: ToStart): string => startVerb + JSON.stringify(start)
export const prepareLine = (prepare: ToPrepare): string => prepareVerb + JSON.stringify(prepare)
export const outliveLine = (outlive: ToOutlive): string => outliveVerb + JSON.stringify(outlive)
export const cgroupLine = (home: CgroupHome): string => cgroupVerb + JSON.stringify(home)
export const killLine = (pid: number): string => killVerb + pid
