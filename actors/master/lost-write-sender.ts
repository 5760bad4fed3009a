import type { Put } from '../../runtime/persistence/engine.js'
import type { LostTail } from '../messages/masters.js'
import { type LostWriteLimits, lostWriteMessage, lostWritePieces } from './lost-write-messages.js'

export interface LostWriteSenderOptions {
  readonly most: LostWriteLimits & { readonly lostWriteWindow: number }
  readonly send: (to: string, message: LostTail) => void
  /** Runs it in a later turn. */
  readonly later: (run: () => void) => void
}

/** What one new leader is being given. */
interface Giving {
  readonly pieces: ReturnType<typeof lostWritePieces>
  /** Messages that it may get before it asks for more. */
  credit: number
  isUnderWay: boolean
}

/**
 * Gives new leaders what the record cache of this Master holds beyond their stores: some messages at once, so that a slow link
 * carries much in little time, and one more each time they ask for more.
 */
export class LostWriteSender {
  readonly #options: LostWriteSenderOptions
  readonly #open = new Map<string, Giving>()

  constructor(options: LostWriteSenderOptions) {
    this.#options = options
  }

  /** `more`: what this one has begun to take goes on. It may have got the last of it already. */
  give(to: string, looks: () => Iterable<Put | undefined>, more: boolean): void {
    const { most } = this.#options
    const begun = more ? this.#open.get(to) : undefined
    if (more && !begun) return
    const giving = begun ?? {
      pieces: lostWritePieces(looks(), most),
      credit: most.lostWriteWindow - 1,
      isUnderWay: false,
    }
    giving.credit++
    this.#open.set(to, giving)
    if (!giving.isUnderWay) this.#goOn(to, giving)
  }

  /** Its link is gone: on a new one it asks from the beginning. */
  forget(to: string): void {
    this.#open.delete(to)
  }

  /** One message, or a part of the search for it, in each turn. */
  #goOn(to: string, giving: Giving): void {
    giving.isUnderWay = false
    if (this.#open.get(to) !== giving || giving.credit === 0) return
    const piece = giving.pieces.next().value
    if (piece) {
      giving.credit--
      this.#options.send(to, lostWriteMessage(piece.puts, piece.last))
      if (piece.last) {
        this.#open.delete(to)
        return
      }
    }
    giving.isUnderWay = true
    this.#options.later(() => this.#goOn(to, giving))
  }
}
