import { type Cause, causeOf } from '../../runtime/system/envelope.js'
import type { ProcessName } from './worker-events.js'

/**
 * For traces: which message started each process, or told it to stop. What the process does later, in turns
 * of its own, is caused by that.
 */
export class ProcessCauses {
  readonly #causes = new Map<ProcessName, Cause>()

  remember(process: ProcessName, cause: Cause): void {
    this.#causes.set(process, causeOf(cause))
  }

  of(process: ProcessName): Cause | undefined {
    return this.#causes.get(process)
  }

  /** The last thing that is told of a process. */
  take(process: ProcessName): Cause | undefined {
    const cause = this.#causes.get(process)
    this.#causes.delete(process)
    return cause
  }
}
