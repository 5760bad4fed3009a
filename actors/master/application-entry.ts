import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { ApplicationState, ExecutorState } from '../messages/common.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import type { ExecutorEnd } from '../messages/explanation.js'
import type { WaitingReason } from '../messages/launch-failures.js'
import type { ApplicationStatus } from '../messages/status.js'
import { LostExecutors, type LostOfApplication } from './lost-executors.js'
import { isBelieved } from './lost-writes/belief.js'
import type { ApplicationRecord } from './records.js'
import { demandKey, type Holding } from './resources.js'
import type { Step } from './step.js'

/**
 * An executor in the Master's cluster state (Spark's ExecutorDesc). It is never stored: its Worker reports
 * it.
 */
export interface ExecutorEntry extends Holding {
  readonly appId: string
  readonly execId: number
  readonly workerId: string
  state: ExecutorState
  /** Monotonic, of this leadership; undefined: it was launched under a former one. */
  readonly launchedAtMs?: number
  /** The same moment by the wall clock, for people. */
  readonly launchedAtWallMs?: number
  /** Since when this leader knows that it runs; monotonic. */
  runningSinceMs?: number
  /** True: it has given a result, so its start did not fail, however it ends. */
  worked?: boolean
}

/** What one application was given on one Worker. */
export interface Begun {
  readonly executors: number
  readonly cores: number
  readonly memoryMib: number
}

/** What the row of an application in the state of its Master is made of. */
export interface ShownApplication {
  readonly record: ApplicationRecord
  readonly state: ApplicationState
  readonly coresGranted: number
  readonly reason: WaitingReason | undefined
  readonly isIdle: boolean
}

type Ending = Pick<ExecutorStateChanged, 'state' | 'message' | 'exitStatus'>

/** An application as a record of its Master has it. */
export interface SavedApplication
  extends Pick<
    ApplicationEntry,
    | 'record'
    | 'state'
    | 'answered'
    | 'linked'
    | 'isAnswering'
    | 'isAdopting'
    | 'nextExecId'
    | 'foundExecIds'
    | 'target'
    | 'targetRequest'
    | 'failures'
    | 'fullAt'
  > {
  /** In the order of the entry. */
  readonly executors: readonly ExecutorEntry[]
  readonly listed: readonly number[]
  readonly ends: readonly ExecutorEnd[]
  readonly begun: { readonly capacity: number; readonly workers: readonly (readonly [string, Begun])[] }
}

const nothing: Begun = { executors: 0, cores: 0, memoryMib: 0 }

/** An application in the Master's cluster state (Spark's ApplicationInfo). */
export class ApplicationEntry {
  readonly id: string
  record: ApplicationRecord
  state: ApplicationState
  /**
   * True: its ClientEndpoint has answered this leadership. Without this it would get executors twice
   * (protocol 11.5).
   */
  answered: boolean
  linked = false
  /** True: some messages of its answer have come, but not the last one. */
  isAnswering = false
  /** True: the store forgot it, and its whole answer has not come yet. */
  isAdopting = false
  readonly executors = new Map<number, ExecutorEntry>()
  /** Those of `executors` that its client reported. They need no ExecutorAdded. */
  readonly listed = new Set<number>()
  /** Executor ids that were reported to it as lost. They are never taken back (protocol 11.7). */
  readonly lost: LostOfApplication
  nextExecId: number
  /** The bound of its executor ids in the store at this election; 0: the store did not hold it. */
  readonly foundExecIds: number
  /** Total of executors wanted; absent: the description's limit. */
  target: number | undefined
  targetRequest = -1
  /** The last executors that ended or were lost under this leadership, oldest first. */
  readonly ends: ExecutorEnd[] = []
  /** Executors in a row that failed before they had worked or lasted (Spark 4.8). */
  failures = 0
  /**
   * `ClusterState.capacity` when it was given all that fitted. It is tried again when that number has risen.
   */
  fullAt = -1
  /** Its row, and what that was made of. */
  shown: { readonly seen: ShownApplication; readonly row: ApplicationStatus } | undefined

  #demandKey: string | undefined

  /**
   * What placements gave it at this `capacity`, by Worker, because a placement may continue in the next pass.
   */
  #begun: { readonly capacity: number; readonly workers: Map<string, Begun> } = {
    capacity: -1,
    workers: new Map(),
  }

  constructor(
    record: ApplicationRecord,
    state: ApplicationState,
    answered: boolean,
    lost = new LostExecutors(),
    foundExecIds = 0,
  ) {
    this.id = record.id
    this.lost = lost.of(record.id)
    this.record = record
    this.state = state
    this.answered = answered
    this.nextExecId = answered ? 0 : record.execIds
    this.foundExecIds = foundExecIds
  }

  static load(saved: SavedApplication, lost: LostExecutors): ApplicationEntry {
    const { record, state, answered, foundExecIds, executors, listed, ends, begun, ...fields } = saved
    const app = new ApplicationEntry(record, state, answered, lost, foundExecIds)
    Object.assign(app, fields)
    for (const executor of executors) app.executors.set(executor.execId, executor)
    for (const execId of listed) app.listed.add(execId)
    app.ends.push(...ends)
    app.#begun = { capacity: begun.capacity, workers: new Map(begun.workers) }
    return app
  }

  /** For a record of this Master. */
  save(): SavedApplication {
    const { state, answered, linked, isAnswering, isAdopting, nextExecId, foundExecIds } = this
    const { target, targetRequest, failures, fullAt } = this
    return {
      // The record's position is stamped in place when it is written again.
      record: { ...this.record },
      state,
      answered,
      linked,
      isAnswering,
      isAdopting,
      executors: [...this.executors.values()].map((executor) => ({ ...executor })),
      listed: [...this.listed],
      ends: [...this.ends],
      nextExecId,
      foundExecIds,
      target,
      targetRequest,
      failures,
      fullAt,
      begun: { capacity: this.#begun.capacity, workers: [...this.#begun.workers] },
    }
  }

  /** The same for all that ask for the same executors. */
  get demandKey(): string {
    const { executor } = this.record.description
    this.#demandKey ??= demandKey({ ...executor, cores: executor.cores ?? 1 })
    return this.#demandKey
  }

  get coresGranted(): number {
    let cores = 0
    for (const executor of this.executors.values()) cores += executor.cores
    return cores
  }

  get executorLimit(): number {
    return this.target ?? this.record.description.executorLimit ?? Number.MAX_SAFE_INTEGER
  }

  /** A peer reports this executor, so its id is not used again. False: the id is too high to be believed. */
  hearOf(execId: number): boolean {
    if (!isBelieved(execId, this.foundExecIds)) return false
    this.nextExecId = Math.max(this.nextExecId, execId + 1)
    return true
  }

  /** Notes that it has this executor. An application that has answered and has an executor is RUNNING. */
  take(executor: ExecutorEntry): void {
    this.executors.set(executor.execId, executor)
    if (this.state === 'WAITING') this.state = 'RUNNING'
  }

  /** Removes an executor that has ended or left the application. Without executors the application waits. */
  drop(execId: number): void {
    this.executors.delete(execId)
    this.listed.delete(execId)
    if (this.executors.size === 0 && this.state === 'RUNNING') this.state = 'WAITING'
  }

  /** Keeps for people how an executor ended. Call it before `drop`. */
  noteEnd(step: Step, execId: number, { state, message = '', exitStatus }: Ending): void {
    const executor = this.executors.get(execId)
    const launchedAtMs = executor?.launchedAtWallMs
    this.ends.push({
      atMs: step.now.wallMs,
      ...(launchedAtMs !== undefined && { launchedAtMs }),
      execId,
      ...(executor && { workerId: executor.workerId, cores: executor.cores }),
      state,
      ...(exitStatus !== undefined && { exitStatus }),
      text: message.slice(0, limits.driverEventChars),
    })
    if (this.ends.length > innerLimits.keptExecutorEnds) this.ends.shift()
  }

  /** Notes that a placement gave it an executor there. */
  begin(workerId: string, cores: number, capacity: number): void {
    const before = this.begunAt(workerId, capacity)
    if (this.#begun.capacity !== capacity) this.#begun = { capacity, workers: new Map() }
    this.#begun.workers.set(workerId, {
      executors: before.executors + 1,
      cores: before.cores + cores,
      memoryMib: before.memoryMib + this.record.description.executor.memoryMib,
    })
  }

  /** What it was given there at this `capacity`. */
  begunAt(workerId: string, capacity: number): Begun {
    return (this.#begun.capacity === capacity && this.#begun.workers.get(workerId)) || nothing
  }

  /** Tells the application that the executor is lost. From now on it is never taken back (protocol 11.7). */
  lose(step: Step, execId: number, message: string, workerHost?: string): void {
    this.noteEnd(step, execId, { state: 'LOST', message })
    this.drop(execId)
    this.lost.add(execId)
    step.tell(this.record.endpoint, {
      type: 'ExecutorUpdated',
      appId: this.id,
      execId,
      state: 'LOST',
      message,
      ...(workerHost !== undefined && { workerHost }),
    })
  }
}
