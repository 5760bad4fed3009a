import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { isForNow, isUnknownOutcome } from './retryable.js'

/**
 * The course of one request to whichever Master leads (protocol 15), pure: what may be tried under which epoch, and
 * what it comes to at the deadline.
 */
export class RequestPlan {
  readonly #type: string
  /** Epochs under which it was sent once more after an unknown outcome: a poisonous request must not kill Master after Master. */
  readonly #repeatedIn = new Set<number>()
  #epoch = 0
  #unknown = false
  #last: FiresteelError | undefined

  constructor(type: string) {
    this.#type = type
  }

  /** May it be sent under this epoch? */
  mayTry(epoch: number): boolean {
    return !this.#unknown || !this.#repeatedIn.has(epoch)
  }

  sending(epoch: number): void {
    this.#epoch = epoch
    if (this.#unknown) this.#repeatedIn.add(epoch)
  }

  /** `retry`: to be sent again, when `mayTry` allows; else the error is final. */
  failed(error: unknown): 'retry' | 'final' {
    if (!isFiresteelError(error) || !isForNow(error.code)) return 'final'
    this.#last = error
    if (isUnknownOutcome(error.code)) this.#unknown = true
    // Refused for now, as by a leader that still recovers: it harmed nobody, and may be asked again.
    else this.#repeatedIn.delete(this.#epoch)
    return 'retry'
  }

  /** An answer of a leadership that a later one has followed (protocol R8): it may or may not hold. */
  overtaken(): void {
    this.#unknown = true
  }

  /** `masters`: what is wrong with each of them. */
  expired(timeoutMs: number, masters: string): FiresteelError {
    if (this.#unknown) {
      const message = `The outcome of ${this.#type} is unknown after ${timeoutMs} ms: ${masters}.`
      return new FiresteelError('OUTCOME_UNKNOWN', message, { cause: this.#last })
    }
    // The leader was there, and said why not.
    if (this.#last && !isFiresteelError(this.#last, 'NOT_LEADER')) return this.#last
    const message = `No ALIVE Master answered ${this.#type} within ${timeoutMs} ms: ${masters}.`
    return new FiresteelError('NO_MASTER', message, { cause: this.#last })
  }
}
