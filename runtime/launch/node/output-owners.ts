import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import type { AskerParts } from './ask-as.js'
import { askAs } from './ask-as.js'

export interface OutputOwnersOptions extends Omit<AskerParts, 'masters' | 'subject'> {
  readonly masters: () => readonly string[]
  readonly wallMs: () => number
}

interface Said {
  readonly owns: Promise<boolean>
  readonly untilMs: number
}

/** Which token may read which output here, as the leader has said within the last minute. */
export class OutputOwners {
  readonly #options: OutputOwnersOptions
  readonly #said = new Map<string, Said>()

  constructor(options: OutputOwnersOptions) {
    this.#options = options
  }

  /** Rejects if no leader answers. */
  owns(subject: string, id: string): Promise<boolean> {
    const key = `${subject} ${id}`
    const nowMs = this.#options.wallMs()
    const said = this.#said.get(key)
    if (said && said.untilMs > nowMs) return said.owns
    const owns = this.#ask(subject, id)
    this.#said.delete(key)
    this.#said.set(key, { owns, untilMs: nowMs + innerLimits.logGrantMs })
    // An answer that did not come is asked for again.
    owns.catch(() => this.#said.delete(key))
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= innerLimits.outputOwners) break
      this.#said.delete(oldest)
    }
    return owns
  }

  async #ask(subject: string, id: string): Promise<boolean> {
    const { masters, ...parts } = this.#options
    try {
      await askAs({ ...parts, masters: masters(), subject }, (client) =>
        client.request({ type: 'RequestLogLocation', id }),
      )
      return true
    } catch (error) {
      if (isFiresteelError(error, 'NOT_ALLOWED') || isFiresteelError(error, 'UNKNOWN_ID')) return false
      throw error
    }
  }
}
