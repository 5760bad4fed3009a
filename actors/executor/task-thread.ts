import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { decodeError, encodeError } from '../messages/task-error.js'
import type { FunctionEntry, ResultStatus } from '../messages/tasks.js'
import type { Attempt } from './attempt.js'
import { createSharedMemory, type RingSize, SharedRing, slotState } from './shared-ring.js'
import type { SpawnedThread, SpawnThread } from './spawn-thread.js'
import type { FromThread, ThreadData, ToThread } from './thread-messages.js'
import { packTasks } from './thread-messages.js'

export interface ThreadEvents {
  result(thread: TaskThread, attempt: Attempt, status: ResultStatus, body: Uint8Array): void
  /** The thread is being ended. It has not begun these attempts and never will. */
  unbegun(thread: TaskThread, attempts: readonly Attempt[]): void
  /** The thread has ended and nothing runs in it any more. `running` is the attempt that it was in. */
  ended(thread: TaskThread, reason: string, running: readonly Attempt[]): void
}

export interface ThreadSettings extends Omit<ThreadData, 'memory'> {
  readonly heapMib: number
  readonly ring: RingSize | undefined
}

/** The main thread's side of one task thread. A thread that is being ended takes no more tasks. */
export class TaskThread {
  readonly #thread: SpawnedThread
  readonly #ring: SharedRing
  readonly #events: ThreadEvents
  readonly #posted = new Map<number, Attempt>()
  #next = 0
  #fault: string | undefined
  #ending = false
  /** True: it has left a result, or ended in a task. */
  #hasRun = false

  constructor({ heapMib, ring, ...data }: ThreadSettings, spawn: SpawnThread, events: ThreadEvents) {
    const memory = createSharedMemory(ring)
    this.#ring = new SharedRing(memory)
    this.#events = events
    this.#thread = spawn({ ...data, memory }, heapMib, {
      message: (message) => this.#receive(message),
      exited: (reason) => this.#exited(reason),
    })
  }

  /** Number of posted tasks that have not ended. */
  get load(): number {
    return this.#posted.size
  }

  get capacity(): number {
    if (this.#ending) return 0
    const [oldest = this.#next] = this.#posted.keys()
    const free = this.#ring.freeSlots(this.#next, oldest)
    return Math.max(0, Math.min(limits.threadQueue - this.#posted.size, free))
  }

  /** True: it has begun a task. */
  get hasBegun(): boolean {
    return this.#hasRun || this.#ring.hasPassed || this.running() !== undefined
  }

  tell(message: ToThread): void {
    this.#thread.post(message)
  }

  addFunctions(functions: readonly FunctionEntry[]): void {
    this.tell({ kind: 'functions', functions })
  }

  post(attempts: readonly Attempt[]): void {
    const packed = attempts.map((attempt) => {
      const position = this.#next++
      attempt.state = 'posted'
      this.#posted.set(position, attempt)
      this.#ring.post(position)
      const { taskId, n, functionId, input } = attempt
      return { position, taskId, n, functionId, input }
    })
    const tasks = packTasks(packed)
    this.#thread.post({ kind: 'run', tasks }, [tasks.buffer])
  }

  /**
   * Takes back up to `count` unbegun tasks, the last ones first. Returns them in the order they were posted.
   */
  revoke(count: number, wanted: (attempt: Attempt) => boolean = () => true): Attempt[] {
    const revoked: Attempt[] = []
    for (const [position, attempt] of [...this.#posted].reverse()) {
      if (revoked.length >= count) break
      if (!wanted(attempt) || !this.#ring.revoke(position)) continue
      this.#posted.delete(position)
      revoked.push(attempt)
    }
    return revoked.reverse()
  }

  /** The attempt that runs now, and since when (ms of the thread's clock). */
  running(): { readonly attempt: Attempt; readonly position: number; readonly sinceMs: number } | undefined {
    for (const [position, attempt] of this.#posted) {
      const state = this.#ring.state(position)
      if (state === slotState.claimed) return { attempt, position, sinceMs: this.#ring.claimedAtMs }
      if (state === slotState.posted) return undefined
    }
    return undefined
  }

  /** Reads all present results. */
  drain(): void {
    for (const { position, status, body } of this.#ring.drain()) {
      this.#hasRun = true
      // The thread posted the body before it wrote the record, and a posted message is in its reader's queue
      // at once.
      const whole = body ?? this.#bodyOf(position)
      const attempt = this.#posted.get(position)
      if (attempt === undefined) continue
      this.#posted.delete(position)
      if (whole !== undefined) this.#events.result(this, attempt, status, whole)
      else this.#events.result(this, attempt, 'failure', encodeError(bodyLost()))
    }
  }

  #bodyOf(position: number): Uint8Array | undefined {
    const large = this.#thread.takeBody()
    return large?.position === position ? large.body : undefined
  }

  /** Ends it at once, whatever it does. Unbegun attempts are given back now. */
  terminate(reason: string): void {
    if (this.#ending) return
    this.#ending = true
    this.#fault ??= reason
    this.#thread.terminate()
    this.#giveBack()
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'notice':
        this.drain()
        return
      case 'fault':
        this.#fault ??= `an exception outside the task ended its thread: ${decodeError(message.error).message}`
    }
  }

  /** Only now it is certain which attempts it had begun, and which results it has left. */
  #exited(reason: string): void {
    this.#ending = true
    this.drain()
    this.#giveBack()
    const running = [...this.#posted.values()]
    this.#hasRun ||= running.length > 0
    this.#posted.clear()
    this.#events.ended(this, this.#fault ?? reason, running)
  }

  #giveBack(): void {
    const unbegun = this.revoke(this.#posted.size)
    if (unbegun.length > 0) this.#events.unbegun(this, unbegun)
  }
}

/** The failure of a task whose thread ended under it. */
export function threadEnded(reason: string): FiresteelError {
  return new FiresteelError('TASK_FAILED', `The thread of this task ended: ${reason}.`, {
    help: 'Look for process.exit, high memory use and uncaught exceptions in the task.',
  })
}

/** Occurs only if user code used the thread's ports. The attempt ends all the same. */
function bodyLost(): FiresteelError {
  return new FiresteelError('INTERNAL', 'The result of this task did not come with its record.')
}
