import type { ApplicationState, ExecutorState } from '../messages/common.js'
import type { ApplicationRecord } from './records.js'
import type { Holding } from './resources.js'
import type { Step } from './step.js'

/** An executor in the Master's books (Spark's ExecutorDesc). Never stored: its Worker says it again. */
export interface ExecutorEntry extends Holding {
  readonly appId: string
  readonly execId: number
  readonly workerId: string
  state: ExecutorState
}

/** An application in the Master's books (Spark's ApplicationInfo). */
export class ApplicationEntry {
  readonly id: string
  record: ApplicationRecord
  state: ApplicationState
  /** Has its ClientEndpoint answered this leadership? Else it would get its executors twice (protocol 11.5). */
  answered: boolean
  linked = false
  readonly executors = new Map<number, ExecutorEntry>()
  /** Executor ids that its client said it holds: they need not be announced again. */
  readonly listed = new Set<number>()
  /** Executor ids of which it was told that they are lost: never taken back (protocol 11.7). */
  readonly lost = new Set<number>()
  nextExecId: number
  /** Total of executors wanted; absent: the description's limit. */
  target: number | undefined
  targetRequest = -1
  /** Consecutive executor failures with nothing running (Spark 4.8). */
  failures = 0

  constructor(record: ApplicationRecord, state: ApplicationState, answered: boolean) {
    this.id = record.id
    this.record = record
    this.state = state
    this.answered = answered
    this.nextExecId = answered ? 0 : record.execIds
  }

  get coresGranted(): number {
    let cores = 0
    for (const executor of this.executors.values()) cores += executor.cores
    return cores
  }

  get executorLimit(): number {
    return this.target ?? this.record.description.executorLimit ?? Number.MAX_SAFE_INTEGER
  }

  get running(): number {
    let running = 0
    for (const executor of this.executors.values()) if (executor.state === 'RUNNING') running++
    return running
  }

  /** It is told that the executor is lost: from now on it is never taken back (protocol 11.7). */
  lose(step: Step, execId: number, message: string): void {
    this.executors.delete(execId)
    this.lost.add(execId)
    step.tell(this.record.endpoint, {
      type: 'ExecutorUpdated',
      appId: this.id,
      execId,
      state: 'LOST',
      message,
    })
  }
}
