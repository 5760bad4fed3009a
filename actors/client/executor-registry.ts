import { limits } from '../../runtime/limits.js'
import { isEndedExecutor } from '../messages/common.js'
import type { ExecutorAdded, ExecutorUpdated } from '../messages/executors.js'

/** An executor of this application, as its Master announced it. */
export interface HeldExecutor {
  readonly execId: number
  readonly workerId: string
  readonly host: string
  readonly cores: number
  readonly memoryMib: number
}

/** The executors of this application, by id. A repeated message, from whichever Master, counts once. */
export class ExecutorRegistry {
  readonly #held = new Map<number, HeldExecutor>()
  /** Oldest first; at most `rememberedExecutors`. */
  readonly #ended = new Set<number>()
  /** Executors to be killed that are not known to be gone. */
  readonly #killing = new Set<number>()
  /** Executors on drained Workers, which are about to end. */
  readonly #leaving = new Set<number>()
  /** Of those, how many have no other in their place yet. */
  #toReplace = 0
  #highestExecId = -1

  get highestExecId(): number {
    return this.#highestExecId
  }

  get held(): readonly HeldExecutor[] {
    return [...this.#held.values()]
  }

  /** Executors that are to stay, and those that are still to come in the place of ones that leave. */
  get active(): number {
    let active = this.#toReplace
    for (const execId of this.#held.keys())
      if (!this.#killing.has(execId) && !this.#leaving.has(execId)) active++
    return active
  }

  get killing(): readonly number[] {
    return [...this.#killing]
  }

  /**
   * `revived`: it has ended for this application, so a Worker that still runs it should stop it (protocol
   * 11.7).
   */
  added({ execId, workerId, host, cores, memoryMib }: ExecutorAdded): 'new' | 'known' | 'revived' {
    if (this.#held.has(execId)) return 'known'
    if (this.#ended.has(execId)) {
      this.#killing.add(execId)
      return 'revived'
    }
    this.#highestExecId = Math.max(this.#highestExecId, execId)
    this.#held.set(execId, { execId, workerId, host, cores, memoryMib })
    this.#toReplace = Math.max(0, this.#toReplace - 1)
    return 'new'
  }

  /** `ended`: the executor was held until now. `unknown`: it was not. */
  updated({ execId, state }: ExecutorUpdated): 'held' | 'ended' | 'unknown' {
    if (!isEndedExecutor(state)) {
      if (!this.#held.has(execId)) return 'unknown'
      this.#leaves(execId, state === 'DECOMMISSIONED')
      return 'held'
    }
    this.#highestExecId = Math.max(this.#highestExecId, execId)
    this.#killing.delete(execId)
    this.#leaving.delete(execId)
    this.#remember(execId)
    return this.#held.delete(execId) ? 'ended' : 'unknown'
  }

  /** False: the executor is being killed already, or is not held. */
  kill(execId: number): boolean {
    if (this.#killing.has(execId) || !this.#held.has(execId)) return false
    this.#killing.add(execId)
    return true
  }

  /**
   * A Master has answered the kill. An executor that is not held needs no second one; others wait for their
   * end.
   */
  killAnswered(execIds: readonly number[]): void {
    for (const execId of execIds) if (!this.#held.has(execId)) this.#killing.delete(execId)
  }

  #leaves(execId: number, isLeaving: boolean): void {
    if (isLeaving === this.#leaving.has(execId)) return
    if (isLeaving) this.#leaving.add(execId)
    else this.#leaving.delete(execId)
    // One that is being killed is wanted by nobody.
    if (!this.#killing.has(execId)) this.#toReplace = Math.max(0, this.#toReplace + (isLeaving ? 1 : -1))
  }

  #remember(execId: number): void {
    this.#ended.delete(execId)
    this.#ended.add(execId)
    if (this.#ended.size <= limits.rememberedExecutors) return
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest)
      return
    }
  }
}
