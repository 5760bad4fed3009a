import type { Put } from '../../../runtime/persistence/engine.js'
import type { Found } from '../../../runtime/persistence/forgotten.js'
import type { RecordCache, RecordCacheDraft } from '../../../runtime/persistence/record-cache.js'
import { type LostWriteLimits, lostWritePieces } from './pieces.js'

/** Resolves in a later turn. False: the caller must stop. */
export type NextTurn = () => Promise<boolean>

interface LostWriteSource {
  readonly recordCache: RecordCache
  readonly found: Found
  readonly bootMs: number
  readonly most: LostWriteLimits
}

/**
 * Writes that the store lost and that this process still has in its record cache. They are given back piece
 * by piece.
 */
export class OwnLostWrites {
  #pieces: ReturnType<typeof lostWritePieces> | undefined

  /** Finds them. From now on the draft counts them as owed. Undefined: `nextTurn` said to stop. */
  static async find(
    { recordCache, found, bootMs, most }: LostWriteSource,
    draft: RecordCacheDraft,
    nextTurn: NextTurn,
  ): Promise<OwnLostWrites | undefined> {
    const lostWrites: Put[] = []
    let looks = 0
    for (const put of recordCache.lostWriteLooks(found, bootMs)) {
      if (++looks % most.lostWriteLooks === 0 && !(await nextTurn())) return undefined
      if (!put) continue
      draft.owe(put)
      lostWrites.push(put)
    }
    return new OwnLostWrites(lostWrites, most)
  }

  private constructor(lostWrites: readonly Put[], most: LostWriteLimits) {
    if (lostWrites.length > 0) this.#pieces = lostWritePieces(lostWrites, most)
  }

  get isEmpty(): boolean {
    return this.#pieces === undefined
  }

  /** Undefined: there are no more. */
  next(): { readonly puts: readonly Put[]; readonly last: boolean } | undefined {
    for (;;) {
      const next = this.#pieces?.next()
      if (!next || next.done) return undefined
      if (next.value) return next.value
    }
  }
}
