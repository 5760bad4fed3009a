import type { ExecutorState, OwnedPosition } from '../messages/common.js'
import { executorExitText } from '../messages/executor-exits.js'
import type { KillExecutor, LaunchExecutor } from '../messages/executors.js'
import type { NotStarted } from '../messages/launch-failures.js'
import type { ExecutorReport } from '../messages/workers.js'
import { exitStatusOf, exitText } from './exit-text.js'
import { FinishedList } from './finished-list.js'
import { isApplicationId } from './output-id.js'
import type { SavedExecutors } from './restart/saved-worker.js'
import { executorStatus, type WorkerExecutorStatus } from './status.js'
import type { WorkerContext } from './worker-context.js'
import type { ProcessEnd, ProcessName, StartFailure } from './worker-events.js'

interface Executor {
  readonly launch: LaunchExecutor
  readonly launchedAt: OwnedPosition
  started: boolean
  /** It uses too much memory: its driver lets it end between two tasks. */
  leaves?: boolean
  /** Its code is on its way. */
  fetching: boolean
  /** Why it was told to end; undefined: nothing has told it to. */
  killedBecause?: string
}

interface End {
  readonly state: ExecutorState
  readonly message: string
  readonly exitStatus?: number | undefined
  readonly noRoom?: boolean | undefined
  readonly notStarted?: NotStarted | undefined
  readonly stopped?: boolean | undefined
}

const SHUTDOWN = 'Worker shutting down'

const keyOf = (appId: string, execId: number): ProcessName => `${appId}/${execId}`

/** The executors of this Worker, from launch to the end of their group (Spark 5.5). */
export class Executors {
  readonly #context: WorkerContext
  readonly #live = new Map<ProcessName, Executor>()
  readonly #finished: FinishedList<WorkerExecutorStatus>
  /** Applications that have ended while some of their executors still run here. */
  readonly #endedApps = new Set<string>()
  #stopping = false

  constructor(context: WorkerContext) {
    this.#context = context
    this.#finished = new FinishedList(context.times.retainedFinished)
  }

  save(): SavedExecutors {
    const live = [...this.#live.values()].map(({ launch, launchedAt, started, leaves, killedBecause }) => ({
      launch,
      launchedAt,
      started,
      ...(leaves && { leaves }),
      ...(killedBecause !== undefined && { killedBecause }),
    }))
    return { live, endedApps: [...this.#endedApps], finished: this.#finished.items }
  }

  /** They are here again, those that run and those that had not begun. */
  load({ live, endedApps, finished }: SavedExecutors): void {
    for (const executor of live) {
      const { appId, execId, cores, memoryMib, resources } = executor.launch
      const key = keyOf(appId, execId)
      this.#context.account.hold(key, { cores, memoryMib, resources })
      this.#live.set(key, { ...executor, fetching: false })
    }
    for (const appId of endedApps) this.#endedApps.add(appId)
    this.#finished.load(finished)
  }

  /** Starts those whose process had not begun. */
  resume(): void {
    for (const [process, executor] of this.#live) {
      if (executor.started) continue
      if (executor.killedBecause !== undefined) this.#concludeKilled(executor, executor.killedBecause)
      else this.#context.emit({ kind: 'startExecutor', process, launch: executor.launch })
    }
  }

  get count(): number {
    return this.#live.size
  }

  /** By `APP/EXEC`. */
  has(key: string): boolean {
    return this.#live.has(key)
  }

  launch(launch: LaunchExecutor, launchedAt: OwnedPosition): void {
    const { ledger, account } = this.#context
    // Its successor starts nothing twice: the leader sees that this launch is missing, and repeats it.
    if (this.#context.isHandingOver()) return
    const { appId, execId, cores, memoryMib, resources } = launch
    const key = keyOf(appId, execId)
    if (ledger.hasExecutor(appId, execId)) {
      this.#repeated(key)
      return
    }
    ledger.decideExecutor(appId, execId)
    const executor: Executor = { launch, launchedAt, started: false, fetching: false }
    if (this.#stopping) {
      this.#conclude(executor, { state: 'KILLED', message: SHUTDOWN, stopped: true })
      return
    }
    if (!isApplicationId(appId)) {
      const notStarted = { code: 'FIRESTEEL_NOT_ALLOWED' }
      this.#conclude(executor, { state: 'FAILED', message: 'its id cannot name a folder', notStarted })
      return
    }
    const refusal = account.take(key, { cores, memoryMib, resources })
    if (refusal !== undefined) {
      this.#conclude(executor, { state: 'FAILED', message: refusal, noRoom: true })
      this.#context.correctMaster()
      return
    }
    this.#live.set(key, executor)
    this.#context.emit({ kind: 'startExecutor', process: key, launch })
  }

  /** Tells once why it is to be replaced. Its driver ends it when it has no task. A driver is left alone. */
  worn(process: ProcessName, reason: string): void {
    const executor = this.#live.get(process)
    if (!executor?.started || executor.killedBecause !== undefined || executor.leaves) return
    executor.leaves = true
    const { appId, execId } = executor.launch
    this.#context.report({
      type: 'ExecutorStateChanged',
      appId,
      execId,
      state: 'DECOMMISSIONED',
      message: reason,
    })
  }

  kill({ appId, execId }: KillExecutor): void {
    const key = keyOf(appId, execId)
    const executor = this.#live.get(key)
    if (executor) {
      this.#stop(key, executor, 'killed')
      return
    }
    const { ledger } = this.#context
    if (ledger.hasExecutor(appId, execId)) {
      this.#repeated(key)
      return
    }
    // Its launch was lost. If it still comes, it is refused as decided.
    ledger.decideExecutor(appId, execId)
    this.#report({
      type: 'ExecutorStateChanged',
      appId,
      execId,
      state: 'KILLED',
      message: 'it was not running here',
    })
  }

  /** False: `process` is no live executor. */
  started(process: ProcessName): boolean {
    const executor = this.#live.get(process)
    if (!executor) return false
    executor.started = true
    const { appId, execId } = executor.launch
    if (executor.killedBecause !== undefined) {
      this.#context.emit({ kind: 'stopProcess', process, graceMs: this.#context.times.killGraceMs })
    } else {
      this.#context.report({ type: 'ExecutorStateChanged', appId, execId, state: 'RUNNING' })
    }
    return true
  }

  /** False: `process` is no live executor. */
  fetching(process: ProcessName, fetching: boolean): boolean {
    const executor = this.#live.get(process)
    if (executor) executor.fetching = fetching
    return executor !== undefined
  }

  startFailed(process: ProcessName, { message, noRoom, ...notStarted }: StartFailure): boolean {
    const executor = this.#live.get(process)
    if (!executor) return false
    if (executor.killedBecause !== undefined) this.#concludeKilled(executor, executor.killedBecause)
    else this.#conclude(executor, { state: 'FAILED', message, ...(noRoom ? { noRoom } : { notStarted }) })
    return true
  }

  ended(process: ProcessName, end: ProcessEnd): boolean {
    const executor = this.#live.get(process)
    if (!executor) return false
    const exitStatus = exitStatusOf(end)
    if (executor.killedBecause !== undefined) {
      this.#concludeKilled(executor, executor.killedBecause, exitStatus)
    } else {
      const message = executorExitText(end.exitCode) ?? exitText(end)
      this.#conclude(executor, { state: 'EXITED', message, exitStatus })
    }
    return true
  }

  /** They end as KILLED. Spark reports FAILED, but no application failed because a Worker was stopped. */
  stopAll(): void {
    this.#stopping = true
    for (const [key, executor] of this.#live) this.#stop(key, executor, SHUTDOWN)
  }

  applicationFinished(appId: string): void {
    if (!isApplicationId(appId)) return
    if (this.hasApplication(appId)) this.#endedApps.add(appId)
    else this.#context.emit({ kind: 'folderEnded', folder: appId })
  }

  reports(): ExecutorReport[] {
    return [...this.#live.values()].map(({ launch, launchedAt, started, leaves }) => {
      const { appId, execId, cores, memoryMib, resources } = launch
      return {
        appId,
        execId,
        cores,
        memoryMib,
        resources,
        state: leaves ? 'DECOMMISSIONED' : started ? 'RUNNING' : 'LAUNCHING',
        launchedAt,
      }
    })
  }

  statuses(): { executors: WorkerExecutorStatus[]; finishedExecutors: WorkerExecutorStatus[] } {
    const executors = [...this.#live.values()].map(({ launch, started, fetching }) =>
      executorStatus(launch, started ? 'RUNNING' : fetching ? 'FETCHING' : 'LAUNCHING'),
    )
    return { executors, finishedExecutors: [...this.#finished.items] }
  }

  #stop(process: ProcessName, executor: Executor, because: string): void {
    if (executor.killedBecause !== undefined) return
    executor.killedBecause = because
    if (executor.started) {
      this.#context.emit({ kind: 'stopProcess', process, graceMs: this.#context.times.killGraceMs })
    } else {
      // If it starts all the same, it is stopped as soon as it has.
      this.#context.emit({ kind: 'abandonStart', process })
    }
  }

  /**
   * Answers a repeated launch or kill. An end is told again; the state of a live one is known or on its way.
   */
  #repeated(key: ProcessName): void {
    const end = this.#context.ledger.endOf(key)
    if (end) this.#context.report(end)
    else this.#context.log('debug', 'this executor is here already', { executor: key })
  }

  #concludeKilled(executor: Executor, message: string, exitStatus?: number): void {
    this.#conclude(executor, { state: 'KILLED', message, exitStatus, stopped: message === SHUTDOWN })
  }

  #conclude(executor: Executor, end: End): void {
    const { noRoom, notStarted, stopped } = end
    const { appId, execId } = executor.launch
    const key = keyOf(appId, execId)
    this.#live.delete(key)
    this.#context.account.release(key)
    if (!noRoom) this.#finished.add(executorStatus(executor.launch, end.state))
    this.#report({
      type: 'ExecutorStateChanged',
      appId,
      execId,
      state: end.state,
      message: end.message,
      ...(end.exitStatus !== undefined && { exitStatus: end.exitStatus }),
      ...(noRoom && { noRoom }),
      ...(notStarted && { notStarted }),
      ...(stopped && { stopped }),
    })
    if (this.#endedApps.has(appId) && !this.hasApplication(appId)) {
      this.#endedApps.delete(appId)
      this.#context.emit({ kind: 'folderEnded', folder: appId })
    }
  }

  #report(end: Parameters<WorkerContext['report']>[0]): void {
    this.#context.ledger.ended(end)
    this.#context.report(end)
  }

  /** True: some executor of the application is here. */
  hasApplication(appId: string): boolean {
    for (const executor of this.#live.values()) if (executor.launch.appId === appId) return true
    return false
  }
}
