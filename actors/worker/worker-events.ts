import type { Role } from '../../runtime/transport/identity.js'
import type { FromWorker, WorkerMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { LaunchExecutor } from '../messages/executors.js'
import type { NotStarted } from '../messages/launch-failures.js'

/** The times of one step, read once by the shell. */
export interface Now {
  readonly monotonicMs: number
  readonly bootMs: number
  readonly wallMs: number
}

/** How a process and all that it started ended: told only when its whole group is gone. */
export interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Set when the memory watch killed it: the group's resident memory then, and what it was allowed. */
  readonly overMemory?: { readonly usedMib: number; readonly limitMib: number } | undefined
  /** What became of it cannot be told from code and signal: the guard killed it, its start was broken off. */
  readonly message?: string | undefined
}

/** Why a process could not be made: a code of ours, the path or command that is the matter, and the whole in words. */
export interface StartFailure extends NotStarted {
  readonly message: string
  /** This Worker has nothing left to start it with, which is no failure of the work. */
  readonly noRoom?: boolean
}

/**
 * Names one process of this Worker: `app-ID/EXEC` or `driver-ID/GENERATION/ATTEMPT`. Never used again, so a
 * late report of an old attempt finds nobody.
 */
export type ProcessName = string

/** Messages that reach the core; log streams are I/O and stay in the shell. */
export type CoreMessage = Exclude<WorkerMessage, { type: 'RequestLog' | 'StopLog' }>

export type WorkerInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | {
      readonly kind: 'message'
      /** Incarnation of the sender: with a Master, the owner of protocol R1. */
      readonly from: string
      readonly role: Role
      readonly position: Position
      readonly message: CoreMessage
    }
  /** Incarnation of the peer; `address` where we dialled it: a Master, under `firesteel://host:port`. */
  | { readonly kind: 'linkUp'; readonly peer: string; readonly address?: string | undefined }
  | { readonly kind: 'linkDown'; readonly peer: string }
  /** Nobody listened at this Master's address when it was dialled at this time of the boot clock. */
  | { readonly kind: 'masterRefused'; readonly address: string; readonly dialledAtMs: number }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'started'; readonly process: ProcessName; readonly pid: number }
  | { readonly kind: 'startFailed'; readonly process: ProcessName; readonly failure: StartFailure }
  | { readonly kind: 'ended'; readonly process: ProcessName; readonly end: ProcessEnd }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type WorkerEffect =
  | { readonly kind: 'tell'; readonly to: string; readonly message: FromWorker }
  | { readonly kind: 'startTimer'; readonly key: string; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly key: string }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string; readonly fields?: object }
  /** The message in hand is not acted on: logged with its reason, and marked in the trace. */
  | { readonly kind: 'refuse'; readonly text: string; readonly fields: object }
  /** Keep a link to the Master at this address from now on. */
  | { readonly kind: 'dial'; readonly address: string }
  /** Say where Masters refuse connections now: `masterRefused` for each. */
  | { readonly kind: 'tellRefusals' }
  | { readonly kind: 'startExecutor'; readonly process: ProcessName; readonly launch: LaunchExecutor }
  | {
      readonly kind: 'startDriver'
      readonly process: ProcessName
      readonly launch: LaunchDriver
      readonly attempt: number
      /** By the boot clock: not started after it, killed by the guard then. Absent: without limit. */
      readonly validUntilBootMs?: number
    }
  /** A new "valid until" of a driver that was started with one. */
  | { readonly kind: 'extendDriver'; readonly process: ProcessName; readonly validUntilBootMs: number }
  /** SIGTERM to the group, SIGKILL after the grace. Only for a process reported `started`. */
  | { readonly kind: 'stopProcess'; readonly process: ProcessName; readonly graceMs: number }
  /** Folders of ended work whose newest file is older than this go, and the oldest of too many. */
  | { readonly kind: 'cleanWork'; readonly olderThanMs: number }
  /** The application has ended and none of its executors is left: the age of its folder counts from now. */
  | { readonly kind: 'folderEnded'; readonly folder: string }
  /** After `stop`: no child is left. */
  | { readonly kind: 'stopped' }
