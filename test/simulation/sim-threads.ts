import type { Attempt } from '../../actors/executor/attempt.js'
import type { TaskRunner } from '../../actors/executor/session.js'
import { context, taskContexts } from '../../actors/executor/task.js'
import { ThreadPool, type ThreadPoolOptions } from '../../actors/executor/threads.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import { limits } from '../../runtime/limits.js'
import { bytesOf, drawBulk } from './bulk.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { SimWorld } from './sim-world.js'
import { type Action, Promised, ScheduledThread, type ThreadWorld } from './threads/scheduled-thread.js'

/** A tenth of the shipped looks, because otherwise most events of a cluster would be looks. */
const LOOK_MS = 100
/** Between two steps of a thread, or of its main thread. */
const STEP_MS = 0.05
const MOST_RESULT_BYTES = 16 * limits.payloadChunkBytes

type Ends = Pick<
  ThreadPoolOptions,
  'onResult' | 'onStarted' | 'onProgress' | 'onOutput' | 'onReturned' | 'onLog' | 'onUseless'
>

/**
 * The threads of a simulated executor: the shipped code, on the time of its place. Its tasks take time, and
 * report that they ran.
 */
export class SimThreads implements TaskRunner, ThreadWorld {
  readonly #world: SimWorld
  readonly #place: Place
  readonly #random: Random
  readonly #appId: string
  readonly #pool: ThreadPool
  readonly #threads: ScheduledThread[] = []
  /** Threads with an action under way. */
  readonly #stirring = new Set<ScheduledThread>()

  constructor(
    world: SimWorld,
    place: Place,
    random: Random,
    { appId, execId, cores, application }: LaunchExecutor,
    ends: Ends,
  ) {
    this.#world = world
    this.#place = place
    this.#random = random
    this.#appId = appId
    const { host } = place.machine
    this.#pool = new ThreadPool({
      ...ends,
      threads: cores,
      tasksPerThread: application.executor.tasksPerCore ?? 1,
      heapMib: 32,
      executor: { id: `${appId}/${execId}`, host, cores, resources: {} },
      maxResultBytes: MOST_RESULT_BYTES,
      ring: { slots: 8, bytes: 4 * INLINE_BYTES },
      spawn: (data, _heapMib, listener) => {
        const thread = new ScheduledThread(this.#threads.length, this, data, listener)
        this.#threads.push(thread)
        return thread
      },
      dependencies: {
        nowMs: () => place.monotonicMs(),
        after: (_ms, run) => place.after(LOOK_MS, () => this.#then(run)),
        soon: (run) => queueMicrotask(() => this.#then(run)),
      },
    })
  }

  // Calls of its session

  addFunctions(functions: Parameters<TaskRunner['addFunctions']>[0]): void {
    this.#then(() => this.#pool.addFunctions(functions))
  }

  setMaxResultBytes(maxResultBytes: number): void {
    this.#then(() => this.#pool.setMaxResultBytes(maxResultBytes))
  }

  run(attempts: readonly Attempt[]): void {
    this.#then(() => this.#pool.run(attempts))
  }

  cancel(attempt: Attempt): void {
    this.#then(() => this.#pool.cancel(attempt))
  }

  outputTaken(attempt: Attempt): void {
    this.#then(() => this.#pool.outputTaken(attempt))
  }

  recall(count: number): void {
    this.#then(() => this.#pool.recall(count))
  }

  pause(paused: boolean): void {
    this.#then(() => this.#pool.pause(paused))
  }

  // Dependencies of its threads

  nowMs(): number {
    return this.#place.monotonicMs()
  }

  load(): Promised {
    return new Promised({ value: (...args: readonly unknown[]) => this.#called(args) })
  }

  posted(): void {}

  doomed(): void {}

  received(): void {}

  asThread(_thread: ScheduledThread, run: () => void): void {
    run()
    // Otherwise Node would follow every promise of the whole cluster.
    taskContexts.disable()
  }

  asMain(run: () => void): void {
    run()
  }

  /** Runs it, and then the events that it caused. */
  #then(run: () => void): void {
    run()
    for (const thread of this.#threads) this.#stir(thread)
  }

  #stir(thread: ScheduledThread): void {
    if (this.#stirring.has(thread) || actionsOf(thread).length === 0) return
    this.#stirring.add(thread)
    this.#place.later(this.#random.exponential(STEP_MS), () => {
      this.#stirring.delete(thread)
      const actions = actionsOf(thread)
      // A thread that was told to end may go on for a while.
      if (actions.length > 0) this.#then(this.#random.pick(actions).run)
      if (thread.hasExited) this.#threads.splice(this.#threads.indexOf(thread), 1)
    })
  }

  // Tasks

  #called(args: readonly unknown[]): unknown {
    const current = context()
    const { taskId } = current
    const { rates, tasks } = this.#world
    tasks.ran(this.#appId, taskId, args)
    if (this.#random.chance(rates.taskFails / 10)) {
      tasks.came(this.#appId, taskId, 'failure')
      return new Promised(undefined, 'exits')
    }
    const promised = new Promised()
    const fails = this.#random.chance(rates.taskFails)
    const heeds = this.#random.chance(0.2)
    this.#place.after(this.#random.exponential(rates.taskMs), () => {
      const gives = fails ? undefined : drawBulk(this.#random)
      tasks.came(this.#appId, taskId, fails ? 'failure' : 'value', gives)
      this.#then(() => {
        promised.outcome ??= fails ? { error: new Error('it failed') } : { value: gives ? bytesOf(gives) : 1 }
      })
    })
    if (heeds) this.#heed(current.signal, promised)
    return promised
  }

  #heed(signal: AbortSignal, promised: Promised): void {
    signal.addEventListener('abort', () =>
      this.#then(() => {
        promised.outcome ??= { value: 'aborted' }
      }),
    )
  }
}

function actionsOf(thread: ScheduledThread): Action[] {
  return [...thread.threadActions(), ...thread.mainActions()]
}
