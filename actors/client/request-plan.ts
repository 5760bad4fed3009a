import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { isForNow, isUnknownOutcome } from './retryable.js'

/**
 * The course of one request to the leader (protocol 15), pure. It decides under which epoch the request may
 * be tried, and which error it ends with at the deadline.
 */
export class RequestPlan {
  readonly #type: string
  /**
   * Epochs in which it was repeated after an unknown outcome: a harmful request must not kill Master after
   * Master.
   */
  readonly #repeatedIn = new Set<number>()
  #epoch = 0
  #unknown = false
  #last: FiresteelError | undefined

  constructor(type: string) {
    this.#type = type
  }

  /** True: it may be sent under this epoch. */
  mayTry(epoch: number): boolean {
    return !this.#unknown || !this.#repeatedIn.has(epoch)
  }

  sending(epoch: number): void {
    this.#epoch = epoch
    if (this.#unknown) this.#repeatedIn.add(epoch)
  }

  /** `retry`: send it again when `mayTry` allows it. `final`: the error is final. */
  failed(error: unknown): 'retry' | 'final' {
    if (!isFiresteelError(error) || !isForNow(error.code)) return 'final'
    this.#last = error
    if (isUnknownOutcome(error.code)) this.#unknown = true
    // A refusal for now, such as that of a recovering leader, proves that the request harmed nothing. Ask
    // again.
    else this.#repeatedIn.delete(this.#epoch)
    return 'retry'
  }

  /** The answer came from a leadership that a later one has followed (protocol R8), so it may not hold. */
  overtaken(): void {
    this.#unknown = true
  }

  /**
   * The error at the deadline. `masters` describes the problem of each Master, `advice` the remedy, if known.
   */
  expired(timeoutMs: number, masters: string, advice?: string): FiresteelError {
    if (this.#unknown) {
      const message = `The outcome of ${this.#type} is unknown after ${timeoutMs} ms: ${masters}.`
      return new FiresteelError('OUTCOME_UNKNOWN', message, { cause: this.#last })
    }
    // The leader answered, and its last refusal is the best reason.
    if (this.#last && !isFiresteelError(this.#last, 'NOT_LEADER')) return this.#last
    const message = `No ALIVE Master answered ${this.#type} within ${timeoutMs} ms: ${masters}.`
    return new FiresteelError('NO_MASTER', message, {
      cause: this.#last,
      ...(advice !== undefined && { help: advice }),
    })
  }
}
