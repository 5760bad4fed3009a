import type { Put } from '../../runtime/persistence/engine.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import type { Image, ImageDraft } from '../../runtime/persistence/image.js'
import { type TailLimits, tailPieces } from './tail-messages.js'

/** Resolves in a later turn; false: there is no use in going on. */
export type NextTurn = () => Promise<boolean>

interface TailSource {
  readonly image: Image
  readonly found: Found
  readonly bootMs: number
  readonly most: TailLimits
}

/** What the image of the leadership before holds and the store has forgotten, on its way back there, a piece at a time. */
export class OwnTail {
  #pieces: ReturnType<typeof tailPieces> | undefined

  /** The draft owes it from now on. Undefined: there was no use in going on. */
  static async find(
    { image, found, bootMs, most }: TailSource,
    draft: ImageDraft,
    nextTurn: NextTurn,
  ): Promise<OwnTail | undefined> {
    const tail: Put[] = []
    let looks = 0
    for (const put of image.tailLooks(found, bootMs)) {
      if (++looks % most.tailLooks === 0 && !(await nextTurn())) return undefined
      if (!put) continue
      draft.owe(put)
      tail.push(put)
    }
    return new OwnTail(tail, most)
  }

  private constructor(tail: readonly Put[], most: TailLimits) {
    if (tail.length > 0) this.#pieces = tailPieces(tail, most)
  }

  /** Undefined: that was all. */
  next(): { readonly puts: readonly Put[]; readonly last: boolean } | undefined {
    for (;;) {
      const next = this.#pieces?.next()
      if (!next || next.done) return undefined
      if (next.value) return next.value
    }
  }
}
