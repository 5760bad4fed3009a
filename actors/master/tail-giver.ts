import type { Put } from '../../runtime/persistence/engine.js'
import type { LostTail } from '../messages/masters.js'
import { type TailLimits, tailMessage, tailPieces } from './tail-messages.js'

type Pieces = ReturnType<typeof tailPieces>

export interface TailGiverOptions {
  readonly most: TailLimits
  readonly send: (to: string, message: LostTail) => void
  /** Runs it in a later turn. */
  readonly later: (run: () => void) => void
}

/** Gives new leaders what the image of this Master holds beyond their stores: a message each time they ask for more. */
export class TailGiver {
  readonly #options: TailGiverOptions
  readonly #open = new Map<string, Pieces>()

  constructor(options: TailGiverOptions) {
    this.#options = options
  }

  /** `more`: what this one has begun to take goes on, if it is still known here. */
  give(to: string, looks: () => Iterable<Put | undefined>, more: boolean): void {
    const pieces = (more ? this.#open.get(to) : undefined) ?? tailPieces(looks(), this.#options.most)
    this.#open.set(to, pieces)
    this.#goOn(to, pieces)
  }

  /** Its link is gone: on a new one it asks from the beginning. */
  forget(to: string): void {
    this.#open.delete(to)
  }

  #goOn(to: string, pieces: Pieces): void {
    if (this.#open.get(to) !== pieces) return
    const piece = pieces.next().value
    if (!piece) {
      this.#options.later(() => this.#goOn(to, pieces))
      return
    }
    if (piece.last) this.#open.delete(to)
    this.#options.send(to, tailMessage(piece.puts, piece.last))
  }
}
