import type { ApplicationState, ExecutorState } from '../messages/common.js'
import { isBelieved } from './belief.js'
import type { ApplicationRecord } from './records.js'
import type { Holding } from './resources.js'
import type { Step } from './step.js'

/** An executor in the Master's cluster state (Spark's ExecutorDesc). Never stored: its Worker says it again. */
export interface ExecutorEntry extends Holding {
  readonly appId: string
  readonly execId: number
  readonly workerId: string
  state: ExecutorState
  /** Monotonic, of this leadership; undefined: launched under a former one. */
  readonly launchedAtMs?: number
  /** Since when this leader knows that it runs, monotonic. */
  runningSinceMs?: number
  /** It has given a result: it has started, however it ends. */
  worked?: boolean
}

/** Executors of one application on one Worker. */
export interface Begun {
  readonly executors: number
  readonly cores: number
  readonly memoryMib: number
}

const nothing: Begun = { executors: 0, cores: 0, memoryMib: 0 }

/** An application in the Master's cluster state (Spark's ApplicationInfo). */
export class ApplicationEntry {
  readonly id: string
  record: ApplicationRecord
  state: ApplicationState
  /** Has its ClientEndpoint answered this leadership? Else it would get its executors twice (protocol 11.5). */
  answered: boolean
  linked = false
  /** The messages of its answer have begun and not ended. */
  isAnswering = false
  /** Its store forgot it, and it has not said all yet. */
  isAdopting = false
  readonly executors = new Map<number, ExecutorEntry>()
  /** Executor ids that its client said it holds: they need not be announced again. */
  readonly listed = new Set<number>()
  /** Executor ids of which it was told that they are lost: never taken back (protocol 11.7). */
  readonly lost = new Set<number>()
  nextExecId: number
  /** The ceiling of its executor ids in the store at this election; 0: it was not there. */
  readonly foundExecIds: number
  /** Total of executors wanted; absent: the description's limit. */
  target: number | undefined
  targetRequest = -1
  /** Executors in a row that failed before they had worked or lasted (Spark 4.8). */
  failures = 0
  /** It got all that there was for it when there was this much room (see Books.room). */
  fullAt = -1

  /** What its placements have given it with this much room, by Worker: one may go on in the next pass. */
  #begun: { readonly capacity: number; readonly workers: Map<string, Begun> } = {
    capacity: -1,
    workers: new Map(),
  }

  constructor(record: ApplicationRecord, state: ApplicationState, answered: boolean, foundExecIds = 0) {
    this.id = record.id
    this.record = record
    this.state = state
    this.answered = answered
    this.nextExecId = answered ? 0 : record.execIds
    this.foundExecIds = foundExecIds
  }

  get coresGranted(): number {
    let cores = 0
    for (const executor of this.executors.values()) cores += executor.cores
    return cores
  }

  get executorLimit(): number {
    return this.target ?? this.record.description.executorLimit ?? Number.MAX_SAFE_INTEGER
  }

  /** Somebody says that there is, or was, this executor: its id is not given again. False: that is not believed. */
  hearOf(execId: number): boolean {
    if (!isBelieved(execId, this.foundExecIds)) return false
    this.nextExecId = Math.max(this.nextExecId, execId + 1)
    return true
  }

  /** The executor has ended or is another's business. Without any the application waits: its state says so. */
  drop(execId: number): void {
    this.executors.delete(execId)
    if (this.executors.size === 0 && this.state === 'RUNNING') this.state = 'WAITING'
  }

  /** A placement has given it an executor there. */
  begin(workerId: string, cores: number, capacity: number): void {
    const before = this.begunAt(workerId, capacity)
    if (this.#begun.capacity !== capacity) this.#begun = { capacity, workers: new Map() }
    this.#begun.workers.set(workerId, {
      executors: before.executors + 1,
      cores: before.cores + cores,
      memoryMib: before.memoryMib + this.record.description.executor.memoryMib,
    })
  }

  /** What it has been given there since there was this much room. */
  begunAt(workerId: string, capacity: number): Begun {
    return (this.#begun.capacity === capacity && this.#begun.workers.get(workerId)) || nothing
  }

  /** It is told that the executor is lost: from now on it is never taken back (protocol 11.7). */
  lose(step: Step, execId: number, message: string): void {
    this.drop(execId)
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
