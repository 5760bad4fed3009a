import type { RestartWorkerResponse } from '../../actors/messages/worker-restart.js'
import type { CoreMessage, WorkerEffect } from '../../actors/worker/worker-events.js'
import type { SimChild } from './sim-child.js'
import type { WatchedWorker } from './sim-world.js'
import { type Fail, Violation } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/** Somebody asked a Worker to restart, and follows it. */
export interface RestartAsked {
  readonly worker: string
  /** Of the process that ran then. */
  readonly incarnation: string
  /** So many processes the node had had. */
  readonly starts: number
}

/** Restarts that people ask for: each is done once, and who asked hears of it (protocol 8.6). */
export class RestartWatch {
  readonly #world: WatchedWorld
  readonly #fail: Fail
  /** `INCARNATION REQUEST`: the Worker has begun to restart for it. */
  readonly #begun = new Set<string>()
  readonly #underWay = new Set<RestartAsked>()
  /** How many were done. */
  done = 0

  constructor(world: WatchedWorld, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  /** Undefined: it has no process now. */
  asked(worker: string): RestartAsked | undefined {
    const node = this.#world.workers.find(({ name }) => name === worker)
    if (!node?.place || !node.process) return undefined
    const asked = { worker, incarnation: node.process.incarnation, starts: node.starts }
    this.#underWay.add(asked)
    return asked
  }

  /** Whoever asked was told that the Worker is back. */
  ended({ worker, starts }: RestartAsked, { workerId, state }: RestartWorkerResponse): void {
    const node = this.#world.workers.find(({ name }) => name === worker)
    if (!node || state !== 'RESTARTED') return
    this.done++
    if (node.starts === starts) this.#fail('restart', `${workerId} is told to have restarted, and has not`)
  }

  /** Whoever asked knows the end of it, or has died. */
  over(asked: RestartAsked): void {
    this.#underWay.delete(asked)
  }

  /** A Worker has handled a message of a leader that it obeys. */
  told(
    { incarnation, isDraining, isLeaving }: WatchedWorker,
    message: CoreMessage,
    effects: readonly WorkerEffect[],
  ): void {
    if (message.type !== 'RestartWorker' || !effects.some(({ kind }) => kind === 'restart')) return
    const which = `${incarnation} ${message.request}`
    if (isDraining && !isLeaving) this.#fail('restart', `${which} begins to restart, and is being stopped`)
    if (this.#begun.has(which)) this.#fail('restart', `${which} restarts once more`)
    this.#begun.add(which)
  }

  /** It goes on, and may be asked once more: the next leader does not know of this. */
  refused({ incarnation }: WatchedWorker): void {
    for (const which of this.#begun) if (which.startsWith(`${incarnation} `)) this.#begun.delete(which)
  }

  /** The process of a Worker that comes back begins nothing that its former one has left. */
  childStarted(child: SimChild): void {
    for (const other of this.#world.running)
      if (other !== child && other.process === child.process && other.workerId === child.workerId)
        this.#fail('S3a', `${child.process} runs twice on ${child.workerId}`)
  }

  /** L1: all is quiet, and somebody still waits for a Worker. */
  unheard(): Violation | undefined {
    const [first] = this.#underWay
    return first && new Violation('restart', `whoever asked ${first.worker} to restart hears nothing`)
  }
}
