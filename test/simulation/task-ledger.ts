import { fromBytes } from '../../actors/messages/cloneable.js'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import type { TaskOutcome } from '../../actors/tasks/dispatch-types.js'
import { type Bulk, isWhole } from './bulk.js'
import type { Fail } from './violation.js'

interface Task {
  readonly retries: number
  readonly gets: Bulk | undefined
  runs: number
  /** Runs that ended with a value, or with an error. */
  values: number
  failures: number
  /** Large results of runs. */
  readonly gave: Bulk[]
  ended: number
}

/** S7: what became of every task of every application. */
export class TaskLedger {
  delivered = 0
  readonly #fail: Fail
  readonly #tasks = new Map<string, Task>()

  constructor(fail: Fail) {
    this.#fail = fail
  }

  submitted(appId: string, taskId: number, retries: number, gets: Bulk | undefined): void {
    this.#tasks.set(`${appId} ${taskId}`, {
      retries,
      gets,
      runs: 0,
      values: 0,
      failures: 0,
      gave: [],
      ended: 0,
    })
  }

  /** An executor begins the task with this input. */
  ran(appId: string, taskId: number, [input]: readonly unknown[]): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.runs++
    if (task.gets !== undefined && !isWhole(input, task.gets))
      this.#fail('S7', `task ${taskId} of ${appId} did not get what it was given`)
    if (task.retries === 0 && task.runs > 1)
      this.#fail('S7', `task ${taskId} of ${appId} may run once, and ran again`)
  }

  /** A run reached its end at its executor, whether or not anybody learns of it. */
  came(appId: string, taskId: number, to: 'value' | 'failure', gave?: Bulk): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    if (to === 'value') task.values++
    else task.failures++
    if (gave !== undefined) task.gave.push(gave)
  }

  ended(appId: string, { taskId, end, repetitions }: TaskOutcome): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.ended++
    if (task.ended > 1) this.#fail('S7', `task ${taskId} of ${appId} ended twice`)
    const failed = repetitions.filter(({ cause }) => cause === 'failure').length
    const failures = end.kind === 'failed' && end.cause === 'failure' ? failed + 1 : failed
    if (failures > task.failures)
      this.#fail('S7', `task ${taskId} of ${appId} failed ${task.failures} times, told ${failures}`)
    if (end.kind === 'failed' && end.cause === 'failure' && failures !== task.retries + 1)
      this.#fail(
        'S7',
        `task ${taskId} of ${appId} is given up after ${failures} failures, and may have ${task.retries + 1}`,
      )
    if (end.kind !== 'value') return
    this.delivered++
    if (task.values === 0) this.#fail('S7', `task ${taskId} of ${appId} has a value that no run had`)
    if (end.body.byteLength >= INLINE_BYTES / 2)
      this.#expectWhole(appId, taskId, fromBytes(end.body), task.gave)
    if (task.runs > 1 + repetitions.length)
      this.#fail(
        'S7',
        `task ${taskId} of ${appId} ran ${task.runs} times, with ${repetitions.length} reasons`,
      )
  }

  #expectWhole(appId: string, taskId: number, value: unknown, gave: readonly Bulk[]): void {
    if (!gave.some((bulk) => isWhole(value, bulk)))
      this.#fail('S7', `task ${taskId} of ${appId} has another value than any run gave`)
  }
}
