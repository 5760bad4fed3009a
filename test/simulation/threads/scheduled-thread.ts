import { SharedRing } from '../../../actors/executor/shared-ring.js'
import type { SpawnedThread, ThreadListener } from '../../../actors/executor/spawn-thread.js'
import type { TaskFunction } from '../../../actors/executor/task-module.js'
import type { FromThread, LargeBody, ThreadData, ToThread } from '../../../actors/executor/thread-messages.js'
import { type Pause, ThreadSide, type Work } from '../../../actors/executor/thread-side.js'
import { encodeError } from '../../../actors/messages/task-error.js'
import type { FunctionEntry } from '../../../actors/messages/tasks.js'
import { limits } from '../../../runtime/limits.js'

/** Something that may happen next. */
export interface Action {
  readonly kind: ActionKind
  readonly run: () => void
}

export const actionKinds = [
  'step',
  'receive',
  'soon',
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

  constructor(outcome: Promised['outcome'] = undefined, how: Promised['how'] = 'settles') {
    this.outcome = outcome
    this.how = how
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
  /** Packed tasks are on their way to it. */
  posted(thread: ScheduledThread, tasks: Uint8Array): void
  /** Runs it as this thread, so that its changes of shared memory count as the thread's. */
  received(thread: ScheduledThread, message: ToThread): void
  asThread(thread: ScheduledThread, run: () => void): void
  asMain(run: () => void): void
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
  /** It ends before it has read anything: it cannot start. */
  isStillborn = false
  readonly memory: SharedArrayBuffer
  readonly #world: ThreadWorld
  readonly #listener: ThreadListener
  readonly #side: ThreadSide
  readonly #words: Int32Array
  readonly #inbox: ToThread[] = []
  readonly #outbox: FromThread[] = []
  readonly #bodies: LargeBody[] = []
  readonly #soon = new Set<() => void>()
  #work: Work | undefined
  #pause: Pause
  #readerAt = 0
  #capacityUntilMs = 0
  #stuck = false
  #doomed = false
  #death: string | undefined
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
      load: (entry) => world.load(this, entry) as PromiseLike<unknown> as PromiseLike<TaskFunction>,
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

  /** In user code that never gives the thread back. */
  get isStuck(): boolean {
    return this.#stuck
  }

  get hasExited(): boolean {
    return this.#exited
  }

  /** There is a result that its main thread has not read. */
  get hasUnread(): boolean {
    return this.#words[WRITE] !== this.#words[READ]
  }

  // As its main thread reaches it

  post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    if (message.kind === 'run') this.#world.posted(this, message.tasks)
    const copy = structuredClone(message, { transfer: [...transfer] })
    if (!this.isDead) this.#inbox.push(copy)
  }

  takeBody(): LargeBody | undefined {
    return this.#bodies.shift()
  }

  terminate(): void {
    this.#doomed = true
  }

  /** Ends it in the middle of whatever it was doing. */
  die(reason: string): void {
    this.#death ??= reason
    this.#work = undefined
    this.#soon.clear()
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
    }
    if (this.#pause instanceof Promised && this.#pause.how === 'faults')
      actions.push({ kind: 'fault', run: () => this.#fault() })
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

  #fault(): void {
    this.#outbox.push({ kind: 'fault', error: encodeError(new Error('outside of any task')) })
    this.die('its thread exited with code 1')
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
    if (this.#stuck) return false
    return this.#work === undefined || this.#pause === 'turn' || this.#pause instanceof Promised
  }

  #canStep(): boolean {
    if (this.#work === undefined || this.#stuck) return false
    if (this.#pause instanceof Promised) return this.#pause.outcome !== undefined
    if (this.#pause !== 'capacity') return true
    return this.#words[READ] !== this.#readerAt || this.#world.nowMs() >= this.#capacityUntilMs
  }

  #step(): void {
    const work = this.#work!
    // Before it looks for free space itself: it must not wait for what is read meanwhile.
    this.#readerAt = this.#words[READ]!
    const pause = this.#pause
    const { value, error } = pause instanceof Promised ? pause.outcome! : {}
    const next = error === undefined ? work.next(value) : work.throw(error)
    // It may have died in it.
    if (this.isDead) return
    if (next.done) {
      this.#work = undefined
      this.#pause = undefined
      return
    }
    this.#pause = next.value
    if (next.value === 'capacity') this.#capacityUntilMs = this.#world.nowMs() + limits.threadLookMs
    else if (next.value instanceof Promised) this.#settleIn(next.value)
  }

  #settleIn({ how }: Promised): void {
    if (how === 'stuck' || how === 'blocked') this.#stuck = true
    if (how === 'blocked') this.isBlocked = true
    if (how === 'exits') this.die('its thread exited with code 3')
  }
}
