import assert from 'node:assert/strict'
import { fromBytes, listFromBytes, toBytes } from '../../actors/messages/cloneable.js'
import { encodeError } from '../../actors/messages/task-error.js'
import type { TaskEnd, TaskPoolEvent } from '../../actors/tasks/dispatch-types.js'
import type { SubmitSpec, TaskPool } from '../../actors/tasks/task-pool-types.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'

interface Functions {
  count(input: number): number
  text(input: string, times?: number): Promise<string>
  readonly version: string
}

/** A pool that runs nothing by itself: the test ends tasks as it likes. */
export class HandPool {
  readonly open = new Map<number, SubmitSpec>()
  readonly cancelled: number[] = []
  readonly listeners = new Set<(event: TaskPoolEvent) => void>()
  readonly limits = { maxInputBytes: 1000, maxResultBytes: 1000 }
  most = 0
  windowSize = 4
  /** Tasks that wait for their next attempt. */
  waiting = 0
  /** Tasks that wait for the limit of their call. */
  underLimit = 0
  #next = 1
  #group = 1

  get pool(): TaskPool {
    return this as unknown as TaskPool
  }
  get functions() {
    return tasksOf<Functions>(this.pool, 'file:///tasks.js')
  }
  submit(spec: SubmitSpec): number {
    this.open.set(this.#next, spec)
    this.most = Math.max(this.most, this.open.size)
    return this.#next++
  }
  cancel(taskIds: readonly number[]): void {
    for (const taskId of taskIds) {
      this.cancelled.push(taskId)
      this.end(taskId, { kind: 'cancelled', reason: 'test' })
    }
  }
  newGroup(): number {
    return this.#group++
  }
  counts() {
    return { running: this.open.size, atExecutors: 0, waiting: 0 }
  }
  delayed(): number {
    return this.waiting
  }
  held(): number {
    return this.underLimit
  }
  window(): number {
    return this.windowSize
  }
  on(listener: (event: TaskPoolEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  end(taskId: number, end: TaskEnd): void {
    const spec = this.open.get(taskId)
    this.open.delete(taskId)
    spec?.onEnd({ taskId, end, attempts: 1, repetitions: [] })
  }
  input(taskId: number): unknown {
    return listFromBytes((this.open.get(taskId) as SubmitSpec).input)[0]
  }
  value(taskId: number, value: unknown): void {
    const context = { root: 'r', maxBytes: 1e6, task: 't' } as const
    const body = toBytes(value, {
      ...context,
      notCloneable: 'RESULT_NOT_CLONEABLE',
      tooLarge: 'RESULT_TOO_LARGE',
    })
    assert.deepEqual(fromBytes(body), value)
    this.end(taskId, { kind: 'value', body })
  }
  fail(taskId: number, message: string): void {
    this.end(taskId, { kind: 'failed', cause: 'failure', body: encodeError(new Error(message)) })
  }
}
