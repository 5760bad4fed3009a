import { limits } from '../limits.js'

/** The fields of an envelope that count here. */
interface EnvelopeLike {
  readonly bytes?: number | undefined
  readonly ask?: string | undefined
}

const { envelopeUnits, envelopeUnitBytes, envelopeQuestionUnits } = limits

/** How much of the mailbox one envelope takes. */
export const unitsOf = ({ bytes = 0, ask }: EnvelopeLike): number =>
  (ask === undefined ? 1 : envelopeQuestionUnits) + Math.floor(bytes / envelopeUnitBytes)

const partOf = (links: number): number => Math.max(1, Math.floor(envelopeUnits / Math.max(1, links)))

interface Share {
  units: number
  isWaiting: boolean
}

/**
 * Divides the capacity of one mailbox among the links that fill it. A single link may use all of it; several
 * links have a part each. A link that has used up its part is not read, and goes on in the order in which
 * links began to wait.
 */
export class MailboxShare<L> {
  readonly #goOn: (link: L) => void
  readonly #shares = new Map<L, Share>()
  /** Oldest first. */
  readonly #waiting = new Set<L>()
  #units = 0

  constructor(goOn: (link: L) => void) {
    this.#goOn = goOn
  }

  /** Units of all envelopes that wait. */
  get units(): number {
    return this.#units
  }

  /** Envelopes that this link may deliver now. At 0 the link waits until `goOn`. */
  capacity(link: L): number {
    const part = this.#shares.has(link) ? this.#part : partOf(this.#shares.size + 1)
    const left = Math.min(part - (this.#shares.get(link)?.units ?? 0), envelopeUnits - this.#units)
    if (left > 0) return Math.ceil(left / envelopeQuestionUnits)
    this.#shareOf(link).isWaiting = true
    this.#waiting.add(link)
    return 0
  }

  queued(link: L, envelope: EnvelopeLike): void {
    const units = unitsOf(envelope)
    this.#units += units
    this.#shareOf(link).units += units
  }

  /** An envelope has left the mailbox. */
  taken(link: L, envelope: EnvelopeLike): void {
    const units = unitsOf(envelope)
    const share = this.#shareOf(link)
    this.#units -= units
    share.units -= units
    this.#forgetIdle(link, share)
    this.#wake()
  }

  /** The link has ended. Envelopes of it may still wait. */
  left(link: L): void {
    const share = this.#shares.get(link)
    if (share === undefined) return
    share.isWaiting = false
    this.#waiting.delete(link)
    this.#forgetIdle(link, share)
    this.#wake()
  }

  get #part(): number {
    return partOf(this.#shares.size)
  }

  #shareOf(link: L): Share {
    let share = this.#shares.get(link)
    if (share === undefined) {
      share = { units: 0, isWaiting: false }
      this.#shares.set(link, share)
    }
    return share
  }

  #forgetIdle(link: L, share: Share): void {
    if (share.units <= 0 && !share.isWaiting) this.#shares.delete(link)
  }

  /** Half of a part must be free before a link is woken, so that it delivers many envelopes at once. */
  #wake(): void {
    if (this.#waiting.size === 0 || this.#units >= envelopeUnits) return
    for (const link of this.#waiting) {
      const share = this.#shareOf(link)
      if (share.units > this.#part / 2) continue
      share.isWaiting = false
      this.#waiting.delete(link)
      this.#forgetIdle(link, share)
      this.#goOn(link)
      // Wake one link for each envelope that leaves, and all when nothing is left that could wake them.
      if (this.#units > 0) return
    }
  }
}
