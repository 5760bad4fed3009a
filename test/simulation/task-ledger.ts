import type { TaskOutcome } from '../../actors/tasks/dispatch-types.js'
import type { Checks } from './checks.js'

interface Task {
  readonly retries: number
  runs: number
  /** Runs that came to a value, or to an error. */
  values: number
  failures: number
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
    this.#tasks.set(`${appId} ${taskId}`, { retries, runs: 0, values: 0, failures: 0, ended: 0 })
  }

  /** An executor begins with it. */
  ran(appId: string, taskId: number): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.runs++
    if (task.retries === 0 && task.runs > 1)
      this.#checks.fail('S7', `task ${taskId} of ${appId} may run once, and ran again`)
  }

  /** A run came to its end at its executor; whether anybody hears of it is another matter. */
  came(appId: string, taskId: number, to: 'value' | 'failure'): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    if (to === 'value') task.values++
    else task.failures++
  }

  ended(appId: string, { taskId, end, repetitions }: TaskOutcome): void {
    const task = this.#tasks.get(`${appId} ${taskId}`)
    if (task === undefined) return
    task.ended++
    if (task.ended > 1) this.#checks.fail('S7', `task ${taskId} of ${appId} ended twice`)
    const failed = repetitions.filter(({ cause }) => cause === 'failure').length
    const failures = end.kind === 'failed' && end.cause === 'failure' ? failed + 1 : failed
    if (failures > task.failures)
      this.#checks.fail('S7', `task ${taskId} of ${appId} failed ${task.failures} times, told ${failures}`)
    if (end.kind === 'failed' && end.cause === 'failure' && failures !== task.retries + 1)
      this.#checks.fail(
        'S7',
        `task ${taskId} of ${appId} is given up after ${failures} failures, and may have ${task.retries + 1}`,
      )
    if (end.kind !== 'value') return
    this.delivered++
    if (task.values === 0) this.#checks.fail('S7', `task ${taskId} of ${appId} has a value that no run had`)
    if (task.runs > 1 + repetitions.length)
      this.#checks.fail(
        'S7',
        `task ${taskId} of ${appId} ran ${task.runs} times, with ${repetitions.length} reasons`,
      )
  }
}
