import type { KeyLimit, LimitKey, Ticket } from './key-limit.js'

/** What the limits of calls need to know of a task, and keep at it. */
export interface Limitable {
  readonly spec: {
    readonly group: number
    readonly limit?: CallLimit | undefined
    readonly key?: LimitKey | undefined
  }
  /** Undefined: no limit holds for it. */
  ticket: Ticket<unknown> | undefined
}

/**
 * The limit of one call. The call owns it, because between two inputs it may have no task, and must not
 * forget its keys.
 */
export type CallLimit = KeyLimit<unknown>

export interface LimitHooks<T> {
  /** The task may be given to an executor. */
  release(task: T): void
  /** Call `due` after this time. */
  startTimer(group: number, ms: number): void
  cancelTimer(group: number): void
}

interface LimitedCall {
  readonly limit: CallLimit
  timerAtMs: number | undefined
}

/** The limits of all calls that have tasks. Each call is a group. */
export class CallLimits<T extends Limitable> {
  readonly #calls = new Map<number, LimitedCall>()
  readonly #hooks: LimitHooks<T>

  constructor(hooks: LimitHooks<T>) {
    this.#hooks = hooks
  }

  /** Tasks of this call that wait for their turn. */
  held(group: number): number {
    return this.#calls.get(group)?.limit.held ?? 0
  }

  /** True: a limit holds for this task. It is released when its turn has come, perhaps at once. */
  enter(task: T, nowMs: number): boolean {
    const { group, limit, key = '' } = task.spec
    if (limit === undefined) return false
    const call = this.#calls.get(group) ?? { limit, timerAtMs: undefined }
    this.#calls.set(group, call)
    task.ticket = limit.enter(task, key, nowMs)
    this.#after(group, call, nowMs)
    return true
  }

  /** True: a limit holds for the further attempt of this task, too. */
  again(task: T, nowMs: number): boolean {
    const { ticket } = task
    if (ticket === undefined) return false
    this.#change(task, nowMs, (limit) => limit.again(ticket, nowMs))
    return true
  }

  sent(task: T, nowMs: number): void {
    const { ticket } = task
    if (ticket !== undefined) this.#change(task, nowMs, (limit) => limit.sent(ticket, nowMs))
  }

  returned({ ticket, spec }: T): void {
    if (ticket !== undefined) this.#calls.get(spec.group)?.limit.returned(ticket)
  }

  ended(task: T, nowMs: number): void {
    const { ticket } = task
    if (ticket !== undefined) this.#change(task, nowMs, (limit) => limit.ended(ticket, nowMs))
  }

  due(group: number, nowMs: number): void {
    const call = this.#calls.get(group)
    if (call === undefined) return
    call.timerAtMs = undefined
    call.limit.due(nowMs)
    this.#after(group, call, nowMs)
  }

  /** The call has no tasks for now. */
  drop(group: number): void {
    const call = this.#calls.get(group)
    this.#calls.delete(group)
    if (call?.timerAtMs !== undefined) this.#hooks.cancelTimer(group)
  }

  #change(task: T, nowMs: number, change: (limit: CallLimit) => void): void {
    const { group } = task.spec
    const call = this.#calls.get(group)
    if (call === undefined) return
    change(call.limit)
    this.#after(group, call, nowMs)
  }

  #after(group: number, call: LimitedCall, nowMs: number): void {
    for (const task of call.limit.take()) this.#hooks.release(task as T)
    const { nextMs } = call.limit
    if (nextMs === undefined || (call.timerAtMs !== undefined && call.timerAtMs <= nextMs)) return
    call.timerAtMs = nextMs
    // Rounded up, because a timer that fires too early would only be set again.
    this.#hooks.startTimer(group, Math.max(0, Math.ceil(nextMs - nowMs)))
  }
}
