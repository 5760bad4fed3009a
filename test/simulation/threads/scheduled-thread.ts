import { RunningTask } from '../../../actors/executor/running-task.js'
import { SharedRing } from '../../../actors/executor/shared-ring.js'
import type { SpawnedThread, ThreadListener } from '../../../actors/executor/spawn-thread.js'
import { taskContexts } from '../../../actors/executor/task.js'
import type { TaskFunction } from '../../../actors/executor/task-module.js'
import type {
  FromThread,
  LargeBody,
  ThreadData,
  ToThread,
  UnloadedTask,
} from '../../../actors/executor/thread-messages.js'
import { type Pause, ThreadSide, type Work } from '../../../actors/executor/thread-side.js'
import type { FunctionEntry } from '../../../actors/messages/task-entries.js'
import { encodeError } from '../../../actors/messages/task-error.js'
import { FiresteelError } from '../../../runtime/errors.js'
import { limits } from '../../../runtime/limits.js'

/** Something that may happen next. */
export interface Action {
  readonly kind: ActionKind
  readonly run: () => void
}

export const actionKinds = [
  'step',
  'receive',
  'settle',
  'soon',
  'left',
  'fault',
  'die',
  'message',
  'exit',
  'order',
  'kill',
  'time',
] as const
export type ActionKind = (typeof actionKinds)[number]

/** What a simulated task returns, or the loading of its module. It is settled when `outcome` is set. */
export class Promised implements PromiseLike<never> {
  outcome: { readonly value?: unknown; readonly error?: unknown } | undefined
  /**
   * `stuck`: the thread never returns from it; `blocked`: it cannot be ended either. `exits`: it ends there.
   * `faults`: an exception outside ends it.
   */
  readonly how: 'settles' | 'stuck' | 'blocked' | 'exits' | 'faults'
  /** The URL of the module whose loading it is. */
  module: string | undefined
  /** Of the task whose code made it. */
  readonly position: number | undefined

  constructor(outcome: Promised['outcome'] = undefined, how: Promised['how'] = 'settles') {
    this.outcome = outcome
    this.how = how
    const current = taskContexts.getStore()
    this.position = current instanceof RunningTask ? current.position : undefined
  }

  // biome-ignore lint/suspicious/noThenProperty: it stands for a promise.
  then(): never {
    throw new Error('a scheduled thread looks at the outcome')
  }
}

/** Thrown out of whatever the thread was doing. */
export class ThreadDeath extends Error {}

export interface ThreadWorld {
  nowMs(): number
  load(thread: ScheduledThread, entry: FunctionEntry): Promised
  /** This is on its way to it. */
  posted(thread: ScheduledThread, message: ToThread): void
  /** It is told to end. */
  doomed(thread: ScheduledThread): void
  /** Runs it as this thread, so that its changes of shared memory count as the thread's. */
  received(thread: ScheduledThread, message: ToThread): void
  asThread(thread: ScheduledThread, run: () => void): void
  asMain(run: () => void): void
}

interface Watched {
  readonly promised: Promised
  readonly settled: (value: never) => void
  readonly failed: (error: unknown) => void
}

const WRITE = 0
const READ = 1

/**
 * A task thread that runs on the thread of the test: the shipped thread side, its loop, and both of its
 * ports. Each step of it and each delivery is an action, which happens when it is run.
 */
export class ScheduledThread implements SpawnedThread {
  readonly number: number
  /** In a call that does not come back, and that nobody can end. */
  isBlocked = false
  /** A task has left code behind that will keep it busy for ever, once no other task is there. */
  hasLeftover = false
  /** It ends before it has read anything: it cannot start. */
  isStillborn = false
  /** Its place in the order of all starts and ends of threads. */
  bornAt = 0
  exitedAt = Number.POSITIVE_INFINITY
  /**
   * An import has failed in it, tasks have failed with one error, or it is busy for ever, so another may take
   * its place.
   */
  isReplaced = false
  /** How much it had written when its first import failed. */
  #writtenAtFailure: number | undefined
  /** So many of its tasks have failed with one error. */
  remembered = 0
  readonly memory: SharedArrayBuffer
  readonly #world: ThreadWorld
  readonly #listener: ThreadListener
  readonly #side: ThreadSide
  readonly #words: Int32Array
  readonly #inbox: ToThread[] = []
  /** Messages that wait for a turn of the main thread's event loop each, however long they are there. */
  readonly #outbox: FromThread[] = []
  /** The port without a listener. Bodies can be taken from it as soon as they are posted, in any turn. */
  readonly #bodies: LargeBody[] = []
  readonly #soon = new Set<() => void>()
  readonly #watched = new Set<Watched>()
  #work: Work | undefined
  #pause: Pause
  #readerAt = 0
  #capacityUntilMs = 0
  #stuck = false
  #doomed = false
  #death: string | undefined
  /** Position of the task whose code ended it. */
  endedBy: number | undefined
  /** A module has ended it while it was loading. */
  endedLoading = false
  #exited = false

  constructor(number: number, world: ThreadWorld, data: ThreadData, listener: ThreadListener) {
    this.number = number
    this.memory = data.memory
    this.#world = world
    this.#listener = listener
    this.#words = new Int32Array(data.memory, 0, 2)
    this.#side = new ThreadSide(data, new SharedRing(data.memory), {
      nowMs: () => world.nowMs(),
      post: (message) => this.#fromThread(() => this.#outbox.push(message)),
      postBody: (large, transfer) =>
        this.#fromThread(() => this.#bodies.push(structuredClone(large, { transfer: [...transfer] }))),
      soon: (run) => {
        this.#soon.add(run)
        return () => this.#soon.delete(run)
      },
      watch: (pending, settled, failed) =>
        this.#watch({ promised: pending as PromiseLike<unknown> as Promised, settled, failed }),
      adopt: (thenable) => thenable,
      traced: () => undefined,
      load: (entry) => {
        const loading = world.load(this, entry)
        loading.module = entry.url
        return loading as PromiseLike<unknown> as PromiseLike<TaskFunction>
      },
      progress: { report: () => {}, forget: () => {} },
      drive: (work) => {
        this.#work = work
        this.#pause = undefined
      },
    })
  }

  get isDead(): boolean {
    return this.#death !== undefined
  }

  get isDoomed(): boolean {
    return this.#doomed
  }

  /** Tasks that wait there for their promise or their module. */
  get waiting(): number {
    return this.#watched.size
  }

  /** In user code that never gives the thread back. */
  get isStuck(): boolean {
    return this.#stuck
  }

  get hasExited(): boolean {
    return this.#exited
  }

  failedToLoad(): void {
    this.isReplaced = true
    this.#writtenAtFailure ??= this.#words[WRITE]
  }

  /** Since its first import failed it has left no result. */
  get hasToldNothing(): boolean {
    return this.#writtenAtFailure !== undefined && this.#words[WRITE] === this.#writtenAtFailure
  }

  /** There is a result that its main thread has not read. */
  get hasUnread(): boolean {
    return this.#words[WRITE] !== this.#words[READ]
  }

  // As its main thread reaches it

  post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#world.posted(this, message)
    const copy = structuredClone(message, { transfer: [...transfer] })
    if (!this.isDead) this.#inbox.push(copy)
  }

  takeBody(): LargeBody | undefined {
    return this.#bodies.shift()
  }

  terminate(): void {
    this.#world.doomed(this)
    this.#doomed = true
  }

  /** Ends it in the middle of whatever it was doing. */
  die(reason: string): void {
    this.#death ??= reason
    this.#work = undefined
    this.#soon.clear()
    this.#watched.clear()
  }

  // What may happen

  /** To the thread itself. */
  threadActions(): Action[] {
    if (this.isDead) return []
    if (this.isStillborn) return [{ kind: 'die', run: () => this.die('it cannot start') }]
    const actions: Action[] = []
    if (this.#canStep()) actions.push({ kind: 'step', run: this.#asThread(() => this.#step()) })
    if (this.#isParked()) {
      if (this.#inbox.length > 0)
        actions.push({ kind: 'receive', run: this.#asThread(() => this.#receive(this.#inbox.shift()!)) })
      const [soon] = this.#soon
      if (soon !== undefined) actions.push({ kind: 'soon', run: this.#asThread(() => this.#runSoon(soon)) })
      if (this.hasLeftover && this.#work === undefined && this.#watched.size === 0)
        actions.push({ kind: 'left', run: () => this.#stickFast() })
      for (const watched of this.#watched) {
        const { how, outcome, position } = watched.promised
        if (how === 'faults') actions.push({ kind: 'fault', run: () => this.#fault(position) })
        else if (outcome !== undefined)
          actions.push({ kind: 'settle', run: this.#asThread(() => this.#settle(watched)) })
      }
    }
    if (this.#doomed && !this.isBlocked) actions.push({ kind: 'die', run: () => this.die('terminated') })
    return actions
  }

  /** To its main thread. */
  mainActions(): Action[] {
    const { asMain } = this.#world
    const actions: Action[] = []
    if (this.#outbox.length > 0)
      actions.push({
        kind: 'message',
        run: () => asMain(() => this.#listener.message(this.#outbox.shift()!)),
      })
    if (this.#death !== undefined && !this.#exited)
      actions.push({ kind: 'exit', run: () => asMain(() => this.#exit(this.#death!)) })
    return actions
  }

  #exit(reason: string): void {
    this.#exited = true
    for (const message of this.#outbox.splice(0)) this.#listener.message(message)
    this.#listener.exited(reason)
  }

  #stickFast(): void {
    this.hasLeftover = false
    this.#stuck = true
    this.isReplaced = true
  }

  #fault(position: number | undefined): void {
    this.endedBy = position
    const error = encodeError(new Error('outside of any task'))
    this.#outbox.push({ kind: 'fault', error, position, loading: this.#loading(position) })
    this.die('its thread exited with code 1')
  }

  /** As the thread's own program tells it. */
  #loading(endedBy: number | undefined, module?: string): UnloadedTask[] {
    const error = encodeError(new FiresteelError('TASK_MODULE_FAILED', 'it ended its thread'))
    const mayBe = (url: string): boolean =>
      endedBy === undefined && (module === undefined ? this.#side.isOnlyLoading : module === url)
    return [...this.#side.loading].map(([position, { url }]) => ({
      position,
      error: mayBe(url) ? error : undefined,
    }))
  }

  #asThread(run: () => void): () => void {
    return () => this.#world.asThread(this, run)
  }

  #fromThread(run: () => void): void {
    if (!this.isDead) run()
  }

  #receive(message: ToThread): void {
    this.#world.received(this, message)
    this.#side.receive(message)
  }

  #runSoon(run: () => void): void {
    this.#soon.delete(run)
    run()
  }

  /** Its loop has a turn. */
  #isParked(): boolean {
    return !this.#stuck && (this.#work === undefined || this.#pause === 'turn')
  }

  #canStep(): boolean {
    if (this.#work === undefined || this.#stuck) return false
    if (this.#pause !== 'capacity') return true
    return this.#words[READ] !== this.#readerAt || this.#world.nowMs() >= this.#capacityUntilMs
  }

  #step(): void {
    const work = this.#work!
    // Before it looks for free space itself: it must not wait for what is read meanwhile.
    this.#readerAt = this.#words[READ]!
    const next = work.next()
    // It may have died in it.
    if (this.isDead) return
    if (next.done || next.value === 'idle') {
      this.#work = undefined
      this.#pause = undefined
      return
    }
    this.#pause = next.value
    if (next.value === 'capacity') this.#capacityUntilMs = this.#world.nowMs() + limits.threadLookMs
  }

  /**
   * What never gives the thread back, or ends it, has done so before the work goes on: the work pauses next.
   */
  #watch(watched: Watched): void {
    const { how, position, module } = watched.promised
    if (how === 'stuck' || how === 'blocked') this.#stuck = true
    if (how === 'blocked') this.isBlocked = true
    if (how === 'exits') {
      this.endedBy = position
      this.endedLoading = module !== undefined
      this.#outbox.push({
        kind: 'fault',
        error: undefined,
        position,
        loading: this.#loading(position, module),
      })
      this.die('its thread exited with code 3')
    }
    if (how === 'settles' || how === 'faults') this.#watched.add(watched)
  }

  #settle(watched: Watched): void {
    this.#watched.delete(watched)
    const { value, error } = watched.promised.outcome!
    if (error === undefined) watched.settled(value as never)
    else watched.failed(error)
  }
}
