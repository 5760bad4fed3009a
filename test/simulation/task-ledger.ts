import type { TaskOutcome } from '../../actors/tasks/dispatch-types.js'
import type { Checks } from './checks.js'

interface Task {
  readonly retries: number
  runs: number
  ended: number
}

/** S7: what became of every task of every application. */
export class TaskLedger {
  delivered = 0
  readonly #checks: Checks
  readonly #tasks = new Map<string, Task>()

  constructor(checks: Checks) {
    this.#checks = checks
  }

  submitted(appId: string, taskId: number, retries: number): void {
    this.#tasks.set(`${appId} ${taskId}`, { retries, runs: 0, ended: 0 })
  }

  /** An executor begins with it. */
  ran(appId: string, taskId: number): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.runs++
    if (task.retries === 0 && task.runs > 1)
      this.#checks.fail('S7', `task ${taskId} of ${appId} may run once, and ran again`)
  }

  ended(appId: string, { taskId, end, repetitions }: TaskOutcome): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.ended++
    if (task.ended > 1) this.#checks.fail('S7', `task ${taskId} of ${appId} ended twice`)
    if (end.kind !== 'value') return
    this.delivered++
    if (task.runs === 0) this.#checks.fail('S7', `task ${taskId} of ${appId} has a value and never ran`)
    if (task.runs > 1 + repetitions.length)
      this.#checks.fail(
        'S7',
        `task ${taskId} of ${appId} ran ${task.runs} times, with ${repetitions.length} reasons`,
      )
  }
}
