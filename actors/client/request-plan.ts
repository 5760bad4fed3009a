import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { type MasterRequest, onlyReads } from './request-types.js'
import { isForNow, isUnknownOutcome } from './retryable.js'

/**
 * The course of one request to the leader (protocol 15), pure. It decides under which epoch the request may
 * be tried, and which error it ends with at the deadline.
 */
export class RequestPlan {
  readonly #type: MasterRequest['type']
  /**
   * Epochs in which it was repeated after an unknown outcome: a harmful request must not kill Master after
   * Master.
   */
  readonly #repeatedIn = new Set<number>()
  #epoch = 0
  #unknown = false
  #last: FiresteelError | undefined

  constructor(type: MasterRequest['type']) {
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
    if (this.#unknown && !onlyReads(this.#type)) {
      const message = `The outcome of ${this.#type} is unknown after ${timeoutMs} ms: ${masters}.`
      return new FiresteelError('OUTCOME_UNKNOWN', message, { cause: this.#last })
    }
    // If the leader answered, its last refusal is the best reason.
    const last = this.#last
    if (last && last.code !== 'FIRESTEEL_NOT_LEADER' && !isUnknownOutcome(last.code)) return last
    const message = `No ALIVE Master answered ${this.#type} within ${timeoutMs} ms: ${masters}.`
    return new FiresteelError('NO_MASTER', message, {
      cause: this.#last,
      ...(advice !== undefined && { help: advice }),
    })
  }
}
