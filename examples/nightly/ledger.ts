/* What is written, and who may write. Pure: the server beside it has the file and the connections. */

/** Which life of which driver writes. Both come from the cluster. */
export interface Token {
  /** FIRESTEEL_DRIVER_ID */
  readonly driver: string
  /** FIRESTEEL_GENERATION: it grows each time the cluster launches the driver. */
  readonly generation: number
}

/** One line of the file. */
export type Line = { readonly claim: Token } | { readonly key: string; readonly value: number }

/** `refused`: the token is older than one that was seen. `there`: it was written before, and stays so. */
export type Answer = 'accepted' | 'there' | 'refused'

export class Ledger {
  readonly entries = new Map<string, number>()
  /** The highest generation of each driver that has ever claimed. */
  readonly #seen = new Map<string, number>()
  #owner: Token | undefined

  /**
   * The writer of this token takes over. From now on all older ones are refused: lower generations of the
   * same driver, and drivers that another one has replaced.
   */
  answerToClaim(token: Token): Answer {
    const isReplaced = this.#owner?.driver !== token.driver && this.#seen.has(token.driver)
    if (isReplaced || token.generation < (this.#seen.get(token.driver) ?? 0)) return 'refused'
    return 'accepted'
  }

  answerToWrite(token: Token, key: string): Answer {
    const isOwner = this.#owner?.driver === token.driver && this.#owner.generation === token.generation
    if (!isOwner) return 'refused'
    return this.entries.has(key) ? 'there' : 'accepted'
  }

  /** Adds what was accepted, once its line is on the disk; also for each line that was found there. */
  add(line: Line): void {
    if ('claim' in line) {
      this.#owner = line.claim
      this.#seen.set(line.claim.driver, line.claim.generation)
    } else this.entries.set(line.key, line.value)
  }
}
