import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { decodeError, encodeError } from '../messages/task-error.js'
import type { FunctionEntry, ResultStatus } from '../messages/tasks.js'
import type { Attempt } from './attempt.js'
import { createSharedMemory, SharedRing, slotState } from './shared-ring.js'
import type { FromThread, LargeBody, ThreadData, ToThread } from './thread-messages.js'
import { packTasks } from './thread-messages.js'

export interface ThreadEvents {
  result(thread: TaskThread, attempt: Attempt, status: ResultStatus, body: Uint8Array): void
  /** The thread has ended; `running` is what it was in, `unbegun` what it had not touched. */
  ended(thread: TaskThread, end: ThreadEnd): void
}

export interface ThreadEnd {
  readonly reason: string
  readonly running: Attempt | undefined
  readonly unbegun: readonly Attempt[]
  /** Ended, but their results were lost with the thread. */
  readonly unread: readonly Attempt[]
}

export interface ThreadSettings extends Omit<ThreadData, 'memory' | 'bodies'> {
  readonly heapMib: number
}

/** The main thread's side of one task thread. Once it has ended it is not used again. */
export class TaskThread {
  readonly #worker: Worker
  readonly #ring: SharedRing
  readonly #events: ThreadEvents
  readonly #posted = new Map<number, Attempt>()
  /** Nobody listens on it: `drain` takes what it needs, in the order of the records. */
  readonly #bodies: MessagePort
  #next = 0
  #fault: string | undefined
  #ended = false

  constructor({ heapMib, ...data }: ThreadSettings, events: ThreadEvents) {
    const memory = createSharedMemory()
    const { port1, port2 } = new MessageChannel()
    this.#bodies = port1
    this.#ring = new SharedRing(memory)
    this.#events = events
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: { ...data, memory, bodies: port2 } satisfies ThreadData,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: heapMib },
    })
    this.#worker.on('message', (message: FromThread) => this.#receive(message))
    this.#worker.on('error', (error) => {
      this.#fault ??= reasonOf(error)
    })
    this.#worker.on('exit', (code) => this.#finish(this.#fault ?? `its thread exited with code ${code}`))
  }

  /** Tasks posted that have not ended. */
  get load(): number {
    return this.#posted.size
  }

  get room(): number {
    return Math.max(0, Math.min(limits.threadQueue - this.#posted.size, this.#ring.freeSlots(this.#next)))
  }

  tell(message: ToThread): void {
    if (!this.#ended) this.#worker.postMessage(message)
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
    this.#worker.postMessage({ kind: 'run', tasks } satisfies ToThread, [tasks.buffer])
  }

  /** Takes back up to `count` tasks that have not begun, the last ones first; in the order they were posted. */
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

  /** What it is in now, and since when (ms of `epochNow`). */
  running(): { readonly attempt: Attempt; readonly position: number; readonly sinceMs: number } | undefined {
    for (const [position, attempt] of this.#posted) {
      const state = this.#ring.state(position)
      if (state === slotState.claimed) return { attempt, position, sinceMs: this.#ring.claimedAtMs }
      if (state === slotState.posted) return undefined
    }
    return undefined
  }

  /** Reads the results that are there. */
  drain(): void {
    for (const { position, status, body } of this.#ring.drain()) {
      const attempt = this.#posted.get(position)
      const whole = body ?? this.#bodyOf(position)
      if (attempt === undefined) continue
      this.#posted.delete(position)
      if (whole !== undefined) this.#events.result(this, attempt, status, whole)
      else this.#events.result(this, attempt, 'failure', encodeError(bodyLost()))
    }
  }

  /**
   * The thread posts a body before it writes the record, and Node puts a message into its reader's queue at once: so
   * it is here, and stays here when the thread ends.
   */
  #bodyOf(position: number): Uint8Array | undefined {
    const received = receiveMessageOnPort(this.#bodies)?.message as LargeBody | undefined
    return received?.position === position ? received.body : undefined
  }

  /** Ends it at once, whatever it does. */
  terminate(reason: string): void {
    this.#fault ??= reason
    void this.#worker.terminate()
    this.#finish(reason)
  }

  #receive(message: FromThread): void {
    if (this.#ended) return
    switch (message.kind) {
      case 'notice':
        this.drain()
        return
      case 'fault':
        this.#fault = `an exception outside the task ended its thread: ${decodeError(message.error).message}`
    }
  }

  #finish(reason: string): void {
    if (this.#ended) return
    this.drain()
    this.#ended = true
    const running = this.running()?.attempt
    const unbegun: Attempt[] = []
    const unread: Attempt[] = []
    for (const [position, attempt] of this.#posted) {
      if (attempt === running) continue
      // A terminated thread may go on for a moment: what it does not have it cannot begin.
      if (this.#ring.revoke(position)) unbegun.push(attempt)
      else unread.push(attempt)
    }
    this.#posted.clear()
    this.#bodies.close()
    this.#events.ended(this, { reason, running, unbegun, unread })
  }
}

/** The failure of a task whose thread ended under it. */
export function threadEnded(reason: string): FiresteelError {
  return new FiresteelError('TASK_FAILED', `The thread of this task ended: ${reason}.`, {
    help: 'See what it does to its thread: process.exit, memory, exceptions that nobody catches.',
  })
}

/** Only where user code got hold of the thread's ports; the attempt ends all the same. */
function bodyLost(): FiresteelError {
  return new FiresteelError('INTERNAL', 'The result of this task did not come with its record.')
}
