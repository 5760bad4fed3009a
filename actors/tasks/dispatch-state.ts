import { CallLimits } from './call-limits.js'
import type {
  AttemptResult,
  Closed,
  DispatchEffect,
  DispatchStats,
  ExecutorDescription,
  Repetition,
  TaskEnd,
  TaskSpec,
} from './dispatch-types.js'
import { FairQueue, Group } from './fair-queue.js'
import type { Ticket } from './key-limit.js'
import { Window } from './window.js'

export interface Task {
  readonly spec: TaskSpec
  readonly group: Group
  /** `asked`: its caller decides whether it is retried. `delayed`: it waits for its next attempt. */
  state: 'queued' | 'sent' | 'asked' | 'delayed' | 'ended'
  /** Number of the newest attempt. Only its result counts. */
  n: number
  execId: number
  /** The executor reported that it runs. A short task is never reported. */
  started: boolean
  attempts: number
  failures: number
  /** Executors that died while it ran there. */
  killed: number[]
  /** Threads that ended while it ran in them, with another task as the reason or without a known one. */
  threadsLost: number
  /** True: it runs alone, so that no other task is blamed if its executor or its thread ends again. */
  suspect: boolean
  /** Executors where it failed or could not be loaded. */
  tried: number[]
  /** On how many executors it did not begin because its module could not be loaded. */
  unloaded: number
  repetitions: Repetition[]
  /** Its place under the limit of its call. */
  ticket: Ticket<unknown> | undefined
  /** The failure that its caller is asked about. */
  asked: { readonly cause: 'failure' | 'timeout'; readonly body: Uint8Array } | undefined
}

/**
 * `waiting`: its hello came before the Master announced it. `resync`: welcomed, but its list has not come.
 */
export type LinkState = 'none' | 'waiting' | 'resync' | 'up'

export class ExecutorEntry {
  description: ExecutorDescription
  /** The Master has announced it. */
  known = false
  /** It has run a task. */
  worked = false
  link: LinkState = 'none'
  blocked = false
  /** Gets no new tasks. */
  draining = false
  /** Why it ends when it has nothing left: its Worker is drained (DECOMMISSIONED). */
  leaving: string | undefined
  /** It was asked to give back what has not begun, since it leaves and on the present link. */
  emptied = false
  /** Kept free for a suspect. */
  reserved = false
  /** The suspect that runs here alone. */
  alone: Task | undefined
  recalling = false
  /** Set when it ends itself. Its results since then count only when it is gone. */
  ending: { readonly reason: string; readonly results: AttemptResult[] } | undefined
  /** The log has the warning that it cannot load a module. */
  unloadedLogged = false
  readonly outstanding = new Map<number, Task>()
  /** Attempts that it was given so far. */
  given = 0
  /** Of those, how many came back before they began. */
  returned = 0
  /** What a look for idle executors found: `given` then, and since when it has had no task. */
  idle: { readonly given: number; readonly sinceMs: number } | undefined
  /** Why it is given back or was given up by the program. No task is to blame for its end. */
  givenBack: string | undefined
  /** Number of outstanding tasks that it has reported as started. */
  started = 0
  outstandingBytes = 0
  readonly window = new Window()

  constructor(description: ExecutorDescription) {
    this.description = description
  }

  get execId(): number {
    return this.description.execId
  }

  /** Tasks that it runs at a time. */
  get slots(): number {
    return this.description.cores * (this.description.tasksPerCore ?? 1)
  }

  get takesTasks(): boolean {
    return this.link === 'up' && !this.blocked && !this.draining && this.tasksLeft > 0
  }

  /** How many more it may be given in its life. */
  get tasksLeft(): number {
    const { maxTasks = Number.POSITIVE_INFINITY } = this.description
    return maxTasks - (this.given - this.returned)
  }
}

/** The state of the dispatch. Only the functions of the files beside this one change it. */
export class DispatchState {
  /** Gives numbers in [0, 1). */
  readonly random: () => number
  readonly tasks = new Map<number, Task>()
  readonly executors = new Map<number, ExecutorEntry>()
  /** Executors that were given up. Their messages are ignored. */
  readonly fenced = new Set<number>()
  readonly groups = new Map<number, Group>()
  readonly queue = new FairQueue<Task>()
  /** Tasks that failed at least once and want an executor that is not in `tried`. */
  readonly retries: Task[] = []
  readonly suspects: Task[] = []
  /** Number of tasks at executors that are reported as started. */
  started = 0
  closed: Closed | undefined
  rebalancing = false
  /** The timer `anywhere` runs. */
  retriesWait = false
  /** In this step tasks that failed may also go to executors that have tried them. */
  retriesAnywhere = false
  readonly stats: DispatchStats = {
    dispatched: 0,
    executed: 0,
    accepted: 0,
    failed: 0,
    cancelled: 0,
    quarantined: 0,
    unknown: 0,
    retried: 0,
    lost: 0,
    dropped: 0,
    recalled: 0,
  }
  effects: DispatchEffect[] = []
  /** The time of this step. */
  nowMs = 0
  readonly limits = new CallLimits<Task>({
    release: (task) => {
      if (task.n > 0) this.#enqueue(task)
      else this.queue.push(task)
    },
    startTimer: (group, ms) =>
      void this.effects.push({ kind: 'startTimer', timer: { kind: 'limit', group }, ms }),
    cancelTimer: (group) => void this.effects.push({ kind: 'cancelTimer', timer: { kind: 'limit', group } }),
  })

  constructor(random: () => number) {
    this.random = random
  }

  add(spec: TaskSpec): void {
    const group = this.groups.get(spec.group) ?? new Group(spec.group)
    if (group.live++ === 0) this.groups.set(spec.group, group)
    const task: Task = {
      spec,
      group,
      state: 'queued',
      n: 0,
      execId: -1,
      started: false,
      attempts: 0,
      failures: 0,
      killed: NO_EXECUTORS,
      threadsLost: 0,
      suspect: false,
      tried: NO_EXECUTORS,
      unloaded: 0,
      repetitions: NO_REPETITIONS,
      ticket: undefined,
      asked: undefined,
    }
    this.tasks.set(spec.taskId, task)
    if (!this.limits.enter(task, this.nowMs)) this.queue.push(task)
  }

  /** Removes the task from the executor that holds it. */
  take(executor: ExecutorEntry, task: Task): void {
    if (!executor.outstanding.delete(task.spec.taskId)) return
    executor.outstandingBytes -= task.spec.inputBytes
    this.#left(executor, task)
    if (executor.alone === task) executor.alone = undefined
  }

  /** Removes all tasks from an executor that is given up. */
  takeAll(executor: ExecutorEntry): void {
    for (const task of executor.outstanding.values()) this.#left(executor, task)
    executor.outstanding.clear()
  }

  #left(executor: ExecutorEntry, task: Task): void {
    task.group.running--
    if (task.started) this.#count(executor, task, -1)
    task.started = false
  }

  /** The executor reports that it runs the task. */
  start(executor: ExecutorEntry, task: Task): void {
    if (task.started) return
    task.started = true
    this.#count(executor, task, 1)
  }

  #count(executor: ExecutorEntry, task: Task, change: number): void {
    executor.started += change
    task.group.started += change
    this.started += change
  }

  /** True: the task may run on this executor, because no other is better for it. */
  mayTry(task: Task, executor: ExecutorEntry): boolean {
    return this.retriesAnywhere || !task.tried.includes(executor.execId) || !this.hasUntried(task)
  }

  /**
   * True: some executor has not tried the task. One that has no link counts too, because it starts, or its
   * link comes back, or it is given up in time.
   */
  hasUntried(task: Task): boolean {
    for (const executor of this.executors.values()) {
      if (!executor.draining && !task.tried.includes(executor.execId)) return true
    }
    return false
  }

  settle(task: Task, end: TaskEnd): void {
    if (task.state === 'delayed') {
      this.effects.push({ kind: 'cancelTimer', timer: { kind: 'retry', taskId: task.spec.taskId } })
      task.group.delayed--
    }
    task.state = 'ended'
    this.tasks.delete(task.spec.taskId)
    this.limits.ended(task, this.nowMs)
    if (--task.group.live === 0) {
      this.groups.delete(task.group.id)
      this.limits.drop(task.group.id)
    }
    const { attempts, repetitions } = task
    this.effects.push({ kind: 'settle', outcome: { taskId: task.spec.taskId, end, attempts, repetitions } })
  }

  repeat(task: Task, repetition: Repetition): void {
    // Most tasks never repeat and share one empty list, which must not change.
    task.repetitions = [...task.repetitions, repetition]
    const { taskId, group } = task.spec
    this.effects.push({ kind: 'event', event: { name: 'taskRepeated', taskId, group, ...repetition } })
  }

  /** Puts the task back among the retries after `ms`. Meanwhile it is at no executor and in no queue. */
  delay(task: Task, ms: number): void {
    task.state = 'delayed'
    task.group.delayed++
    this.effects.push({ kind: 'startTimer', timer: { kind: 'retry', taskId: task.spec.taskId }, ms })
  }

  /** The wait of this task is over. */
  resume(taskId: number): void {
    const task = this.tasks.get(taskId)
    if (task?.state !== 'delayed') return
    task.group.delayed--
    this.requeue(task)
  }

  /** Queues the task for a further attempt, as soon as the limit of its call allows one. */
  requeue(task: Task): void {
    task.state = 'queued'
    if (!this.limits.again(task, this.nowMs)) this.#enqueue(task)
  }

  /** Queues a task that was given to an executor and did not begin there. */
  putBack(task: Task): void {
    task.state = 'queued'
    this.limits.returned(task)
    this.#enqueue(task)
  }

  /** Puts the task back among the suspects, the retries or the queue. */
  #enqueue(task: Task): void {
    if (task.suspect) this.suspects.push(task)
    else if (task.tried.length > 0) this.retries.push(task)
    else this.queue.pushFront(task)
  }

  log(level: 'info' | 'warn', text: string, fields: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'log', level, text, fields })
  }
}

const NO_EXECUTORS: number[] = []
const NO_REPETITIONS: Repetition[] = []
