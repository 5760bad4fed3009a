import { anyTokenIdOf, hasEnded } from './token.js'

/**
 * The tokens that are in force, as far as this node knows. Until a leader has told it, it takes every token
 * that has not ended: that the cluster has made it was proved.
 */
export class ToldTokens {
  readonly #wallMs: () => number
  #ids: ReadonlySet<string> | undefined

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs
  }

  /** Undefined: what was told does not count any more. */
  told(ids: readonly string[] | undefined): void {
    this.#ids = ids && new Set(ids)
  }

  hasEnded(subject: string | undefined): boolean {
    const id = anyTokenIdOf(subject)
    return id !== undefined && hasEnded(id, this.#wallMs())
  }

  /** True: the peer with this subject has a token that is not in force. */
  refuses(subject: string | undefined): boolean {
    const id = anyTokenIdOf(subject)
    return id !== undefined && (hasEnded(id, this.#wallMs()) || this.#ids?.has(id) === false)
  }
}
