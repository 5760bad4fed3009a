import type { Role } from '../../runtime/transport/identity.js'
import type { FromWorker, WorkerMessage } from '../messages/catalogue.js'
import type { KeepCode } from '../messages/code.js'
import type { Healthcheck, Position, Readiness, stopSignals } from '../messages/common.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { LaunchExecutor } from '../messages/executors.js'
import type { NotStarted } from '../messages/launch-failures.js'
import type { WorkerTimer } from './worker-timer.js'

export type StopSignal = (typeof stopSignals)[number]

/** The times of one step. The shell reads them once per step. */
export interface Now {
  readonly monotonicMs: number
  readonly bootMs: number
  readonly wallMs: number
}

/**
 * `limit` (the default): the memory watch killed it, and its group used so much then. `heap`: the heap of
 * Node was full, and Node ended itself; `usedMib` is the size of that heap, if Node printed it. `kernel`: the
 * kernel killed it, because its control group or its machine had no memory left; `usedMib` is what it used at
 * the last look.
 */
export interface OverMemory {
  readonly by?: 'limit' | 'heap' | 'kernel'
  readonly usedMib?: number | undefined
  readonly limitMib: number
}

/** How a process ended. It is told only when its whole group is gone. */
export interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Set if it ran out of memory. */
  readonly overMemory?: OverMemory | undefined
  /** True: SIGKILL, not of this Worker, which cannot read whether the kernel did it. */
  readonly isKillerUnknown?: true | undefined
  /** Set if code and signal do not tell the cause: the guard killed it, or its start was broken off. */
  readonly message?: string | undefined
}

/** Why a process could not be made: a stable code, the path or command concerned, and the whole in words. */
export interface StartFailure extends NotStarted {
  readonly message: string
  /** True: this Worker lacks what a start needs, which is no failure of the work. */
  readonly noRoom?: boolean
}

/**
 * Names one process of this Worker: `app-ID/EXEC` or `driver-ID/GENERATION/ATTEMPT`. A name is never used
 * again, so a late report of an old attempt matches nothing.
 */
export type ProcessName = string

/** Messages that reach the core. Log streams are I/O and stay in the shell. */
export type CoreMessage = Exclude<WorkerMessage, { type: 'RequestLog' | 'StopLog' }>

export type WorkerInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** It will be stopped: it asks for its drain before. */
  | { readonly kind: 'drain'; readonly deadlineMs: number; readonly reason?: string | undefined }
  /** It restarts, and its work lives on without it for so long at most (protocol 8.6). */
  | { readonly kind: 'announceRestart'; readonly forMs: number }
  /** It was to restart, cannot, and goes on as before. */
  | { readonly kind: 'restartRefused'; readonly reason: string }
  | {
      readonly kind: 'message'
      /** Incarnation of the sender; for a Master it is the owner of protocol R1. */
      readonly from: string
      readonly role: Role
      readonly position: Position
      readonly message: CoreMessage
    }
  /**
   * `peer` is an incarnation. `address` is set if this Worker dialled it: a Master's `firesteel://host:port`.
   */
  | { readonly kind: 'linkUp'; readonly peer: string; readonly address?: string | undefined }
  | { readonly kind: 'linkDown'; readonly peer: string }
  /** Nothing listened at this Master's address when it was dialled at this time of the boot clock. */
  | { readonly kind: 'masterRefused'; readonly address: string; readonly dialledAtMs: number }
  | { readonly kind: 'timer'; readonly timer: WorkerTimer }
  | { readonly kind: 'started'; readonly process: ProcessName; readonly pid: number }
  | { readonly kind: 'startFailed'; readonly process: ProcessName; readonly failure: StartFailure }
  | { readonly kind: 'ended'; readonly process: ProcessName; readonly end: ProcessEnd }
  /** The codes that this Worker has now. */
  | { readonly kind: 'codes'; readonly codes: readonly string[] }
  /** What its `readiness` asks for is there. */
  | { readonly kind: 'ready'; readonly process: ProcessName }
  /** It has failed its health check too often in a row. */
  | { readonly kind: 'unhealthy'; readonly process: ProcessName; readonly reason: string }
  /** An executor is to be replaced: it uses more than its `maxMemory`, or keeps too many ended children. */
  | { readonly kind: 'worn'; readonly process: ProcessName; readonly reason: string }
  /** Its start waits for its code, which comes from another machine; or it waits no more. */
  | { readonly kind: 'fetching'; readonly process: ProcessName; readonly fetching: boolean }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type WorkerEffect =
  | { readonly kind: 'tell'; readonly to: string; readonly message: FromWorker }
  | { readonly kind: 'startTimer'; readonly timer: WorkerTimer; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly timer: WorkerTimer }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string; readonly fields?: object }
  /** The present message is refused: it is logged with the reason, and marked in the trace. */
  | { readonly kind: 'refuse'; readonly text: string; readonly fields: object }
  /** From now on, keep a link to the Master at this address. */
  | { readonly kind: 'dial'; readonly address: string }
  /** Give a `masterRefused` for each Master that refuses connections now. */
  | { readonly kind: 'tellRefusals' }
  | { readonly kind: 'startExecutor'; readonly process: ProcessName; readonly launch: LaunchExecutor }
  | {
      readonly kind: 'startDriver'
      readonly process: ProcessName
      readonly launch: LaunchDriver
      readonly attempt: number
      /** By the boot clock. After it the driver is not started, and the guard kills it. Absent: no limit. */
      readonly validUntilBootMs?: number
    }
  /** Sets a new "valid until" for a driver that was started with one. */
  | { readonly kind: 'extendDriver'; readonly process: ProcessName; readonly validUntilBootMs: number }
  /** These tokens are in force. */
  | { readonly kind: 'tokensInForce'; readonly ids: readonly string[] }
  /** Drivers need these codes. One that is not here is fetched. */
  | { readonly kind: 'keepCode'; readonly message: KeepCode }
  /** It was told to end before it has a process: what its start waits for is not needed any more. */
  | { readonly kind: 'abandonStart'; readonly process: ProcessName }
  /** SIGTERM to the group, SIGKILL after the grace. Only for a process that was reported `started`. */
  | {
      readonly kind: 'stopProcess'
      readonly process: ProcessName
      readonly graceMs: number
      /** Absent: SIGTERM. */
      readonly signal?: StopSignal | undefined
    }
  /** Look until it is ready, or ends. */
  | { readonly kind: 'watchReady'; readonly process: ProcessName; readonly readiness: Readiness }
  /** Look at its health until it ends. */
  | { readonly kind: 'watchHealth'; readonly process: ProcessName; readonly healthcheck: Healthcheck }
  /** Remove folders of ended work whose newest file is older than this, and the oldest of too many. */
  | { readonly kind: 'cleanWork'; readonly olderThanMs: number }
  /** The application has ended and none of its executors is left: the age of its folder counts from now. */
  | { readonly kind: 'folderEnded'; readonly folder: string }
  /** After `drain`: nothing is left, or its time is over. */
  | { readonly kind: 'drained' }
  /** The leader has written down that this Worker restarts, so it neither buries nor relaunches anything. */
  | { readonly kind: 'restartNoted' }
  /** The leader tells it to restart as announced. */
  | { readonly kind: 'restart' }
  /** After `stop`: no process is left. */
  | { readonly kind: 'stopped' }
