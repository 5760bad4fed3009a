import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { type AskerParts, askAs } from './ask-as.js'

/** Asks the leader as this token whether it may read this output. Rejects if no leader answers. */
export async function mayRead(asker: AskerParts, id: string): Promise<boolean> {
  try {
    await askAs(asker, (client) => client.request({ type: 'RequestLogLocation', id }))
    return true
  } catch (error) {
    if (isFiresteelError(error, 'NOT_ALLOWED') || isFiresteelError(error, 'UNKNOWN_ID')) return false
    throw error
  }
}

export interface OutputOwnersOptions {
  readonly ask: (subject: string, id: string) => Promise<boolean>
  readonly wallMs: () => number
}

interface Asked {
  readonly answer: Promise<boolean>
  readonly untilMs: number
}

/**
 * Which token may read which output here, as the leader has said within the last minute. What it has not
 * allowed is asked for again, because it may come to be so.
 */
export class OutputOwners {
  readonly #options: OutputOwnersOptions
  readonly #asked = new Map<string, Asked>()

  constructor(options: OutputOwnersOptions) {
    this.#options = options
  }

  owns(subject: string, id: string): Promise<boolean> {
    const { ask, wallMs } = this.#options
    const key = `${subject} ${id}`
    const nowMs = wallMs()
    const known = this.#asked.get(key)
    if (known && known.untilMs > nowMs) return known.answer
    const asked: Asked = { answer: ask(subject, id), untilMs: nowMs + innerLimits.logGrantMs }
    this.#asked.delete(key)
    this.#asked.set(key, asked)
    const forget = (): void => {
      if (this.#asked.get(key) === asked) this.#asked.delete(key)
    }
    asked.answer.then((owns) => owns || forget(), forget)
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= innerLimits.outputOwners) break
      this.#asked.delete(oldest)
    }
    return asked.answer
  }
}
