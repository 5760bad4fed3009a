import type { Put } from '../../../runtime/persistence/engine.js'
import type { LostTail } from '../../messages/masters.js'
import { type LostWriteLimits, lostWriteMessage, lostWritePieces } from './pieces.js'

export interface LostWriteSenderOptions {
  readonly most: LostWriteLimits & { readonly lostWriteWindow: number }
  readonly send: (to: string, message: LostTail) => void
  /** Calls `run` in a later turn. */
  readonly later: (run: () => void) => void
}

/** The state of sending to one new leader. */
interface Sending {
  readonly pieces: ReturnType<typeof lostWritePieces>
  /** How many messages may still be sent before the leader asks for more. */
  credit: number
  isUnderWay: boolean
}

/**
 * Sends new leaders the writes that this Master's record cache holds and that their store lost. It sends some
 * messages at once, so that a slow link carries much in little time. Then it sends one each time that the
 * leader asks for more.
 */
export class LostWriteSender {
  readonly #options: LostWriteSenderOptions
  readonly #open = new Map<string, Sending>()

  constructor(options: LostWriteSenderOptions) {
    this.#options = options
  }

  /** `more`: the leader continues an earlier request. The last piece may have been sent already. */
  give(to: string, looks: () => Iterable<Put | undefined>, more: boolean): void {
    const { most } = this.#options
    const begun = more ? this.#open.get(to) : undefined
    if (more && !begun) return
    const sending = begun ?? {
      pieces: lostWritePieces(looks(), most),
      credit: most.lostWriteWindow - 1,
      isUnderWay: false,
    }
    sending.credit++
    this.#open.set(to, sending)
    if (!sending.isUnderWay) this.#goOn(to, sending)
  }

  /** Its link is gone. On a new link the leader asks from the beginning. */
  forget(to: string): void {
    this.#open.delete(to)
  }

  /** Sends one message per turn, or does a part of the search for it. */
  #goOn(to: string, sending: Sending): void {
    sending.isUnderWay = false
    if (this.#open.get(to) !== sending || sending.credit === 0) return
    const piece = sending.pieces.next().value
    if (piece) {
      sending.credit--
      this.#options.send(to, lostWriteMessage(piece.puts, piece.last))
      if (piece.last) {
        this.#open.delete(to)
        return
      }
    }
    sending.isUnderWay = true
    this.#options.later(() => this.#goOn(to, sending))
  }
}
