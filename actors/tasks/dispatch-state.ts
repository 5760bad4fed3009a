import type {
  AttemptResult,
  DispatchEffect,
  DispatchStats,
  ExecutorDescription,
  Repetition,
  TaskEnd,
  TaskSpec,
} from './dispatch-types.js'
import { FairQueue, Group } from './fair-queue.js'
import { Window } from './window.js'

export interface Task {
  readonly spec: TaskSpec
  readonly group: Group
  state: 'queued' | 'sent' | 'ended'
  /** Number of the newest attempt; only its result counts. */
  n: number
  execId: number
  /** The executor said that it runs; what is short never is said to. */
  started: boolean
  attempts: number
  failures: number
  /** Executors that died with it. */
  killed: number[]
  /** Runs alone, so that nobody else is blamed if its executor dies again. */
  suspect: boolean
  /** Executors it failed on. */
  tried: number[]
  /** How often it had not begun because its module could not be loaded. */
  unloaded: number
  repetitions: Repetition[]
}

/** `waiting`: said hello before the Master told of it; `resync`: welcomed, has not said what it holds. */
export type LinkState = 'none' | 'waiting' | 'resync' | 'up'

export class ExecutorEntry {
  description: ExecutorDescription
  /** The Master has told of it. */
  known = false
  /** It has given a result. */
  worked = false
  link: LinkState = 'none'
  blocked = false
  /** Gets no new tasks (DECOMMISSIONED). */
  draining = false
  /** Kept free for a suspect. */
  reserved = false
  /** The suspect that has it for itself. */
  alone: Task | undefined
  recalling = false
  /** It ends itself; what it has reported since waits for that. */
  ending: { readonly reason: string; readonly results: AttemptResult[] } | undefined
  /** It was told of that it cannot load a module. */
  unloadedTold = false
  readonly outstanding = new Map<number, Task>()
  outstandingBytes = 0
  readonly window = new Window()

  constructor(description: ExecutorDescription) {
    this.description = description
  }

  get execId(): number {
    return this.description.execId
  }

  get takesTasks(): boolean {
    return this.link === 'up' && !this.blocked && !this.draining
  }
}

/** All that the dispatch knows; only the functions beside this file change it. */
export class DispatchState {
  readonly tasks = new Map<number, Task>()
  readonly executors = new Map<number, ExecutorEntry>()
  /** Never listened to again. */
  readonly fenced = new Set<number>()
  readonly groups = new Map<number, Group>()
  readonly queue = new FairQueue<Task>()
  /** Failed once: wants another executor than those tried. */
  readonly retries: Task[] = []
  readonly suspects: Task[] = []
  closed: string | undefined
  rebalancing = false
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
      killed: NOBODY,
      suspect: false,
      tried: NOBODY,
      unloaded: 0,
      repetitions: NO_REPETITIONS,
    }
    this.tasks.set(spec.taskId, task)
    this.queue.push(task)
  }

  /** The task leaves its executor's books. */
  take(executor: ExecutorEntry, task: Task): void {
    if (!executor.outstanding.delete(task.spec.taskId)) return
    executor.outstandingBytes -= task.spec.inputBytes
    task.group.running--
    if (executor.alone === task) executor.alone = undefined
  }

  /** Somebody who takes tasks has not tried it. */
  hasUntried(task: Task): boolean {
    for (const executor of this.executors.values()) {
      if (executor.link === 'up' && !executor.draining && !task.tried.includes(executor.execId)) return true
    }
    return false
  }

  settle(task: Task, end: TaskEnd): void {
    task.state = 'ended'
    this.tasks.delete(task.spec.taskId)
    if (--task.group.live === 0) this.groups.delete(task.group.id)
    const { attempts, repetitions } = task
    this.effects.push({ kind: 'settle', outcome: { taskId: task.spec.taskId, end, attempts, repetitions } })
  }

  repeat(task: Task, repetition: Repetition): void {
    // Most tasks never repeat: the list they share is not written to.
    task.repetitions = [...task.repetitions, repetition]
    const { taskId, group } = task.spec
    this.effects.push({ kind: 'event', event: { name: 'taskRepeated', taskId, group, ...repetition } })
  }

  /** Back to where it is chosen from. */
  requeue(task: Task): void {
    task.state = 'queued'
    if (task.suspect) this.suspects.push(task)
    else if (task.tried.length > 0) this.retries.push(task)
    else this.queue.pushFront(task)
  }

  log(level: 'info' | 'warn', text: string, fields: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'log', level, text, fields })
  }
}

const NOBODY: number[] = []
const NO_REPETITIONS: Repetition[] = []
