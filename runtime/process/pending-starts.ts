import { FiresteelError } from '../errors.js'
import type { ProcessIdentity } from './find-process.js'
import { type FromGuard, startLine } from './guard-lines.js'
import { spawnError } from './spawn-error.js'
import type { SpawnRequest } from './spawner.js'

type Answer = Extract<FromGuard, { type: 'started' | 'failed' }>

interface Pending {
  readonly request: SpawnRequest
  readonly resolve: (identity: ProcessIdentity) => void
  readonly reject: (error: unknown) => void
  /** False: no guard has got it yet. */
  isSent: boolean
}

/** Starts that a guard was asked for, and has not answered. */
export class PendingStarts {
  readonly #pending = new Map<number, Pending>()
  #last = 0
  #hasGuard = false

  /** While a guard is replaced, the next one is asked. */
  begin(request: SpawnRequest, write: (line: string) => void): Promise<ProcessIdentity> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const pending = { request, resolve, reject, isSent: this.#hasGuard }
      this.#pending.set(id, pending)
      if (this.#hasGuard) write(startLine({ id, request }))
    })
  }

  requestOf(id: number): SpawnRequest | undefined {
    return this.#pending.get(id)?.request
  }

  answered(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (!pending) return
    if (answer.type === 'started') {
      pending.resolve({ pid: answer.pid, startTime: answer.startTime })
      return
    }
    const { code, message } = answer
    const cause = Object.assign(new Error(message), code === '' ? {} : { code })
    void spawnError(cause, pending.request).then(pending.reject)
  }

  sendAgain(write: (line: string) => void): void {
    this.#hasGuard = true
    for (const [id, pending] of this.#pending) {
      pending.isSent = true
      write(startLine({ id, request: pending.request }))
    }
  }

  /** What it was asked for may have been started or not, so it is not asked for again. */
  guardEnded(): void {
    this.#hasGuard = false
    for (const [id, { request, reject, isSent }] of this.#pending) {
      if (!isSent) continue
      this.#pending.delete(id)
      const message = `${request.command} could not be started: the guard of this Worker was killed`
      reject(new FiresteelError('SPAWN_FAILED', message, { place: request.command }))
    }
  }
}
