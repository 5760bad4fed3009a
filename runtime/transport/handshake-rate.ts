import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { Pace } from '../pace.js'

/** Above this number of addresses, quiet ones are forgotten now and then. */
const ADDRESSES_KEPT = innerLimits.pacedAddresses
/** A pace that was not used for this long is full again, so it need not be kept. */
const QUIET_MS = innerLimits.paceQuietMs

/**
 * Bounds the handshakes that each address may begin, so that one address costs a bounded part of the event
 * loop and does not delay others. Pure.
 */
export class HandshakeRate {
  readonly #perSecond: number
  readonly #paces = new Map<string, Pace>()
  #sweptMs = 0

  constructor(perSecond: number = limits.handshakesPerSecondPerAddress) {
    this.#perSecond = perSecond
  }

  /** Number of addresses that are remembered. */
  get size(): number {
    return this.#paces.size
  }

  /** False: this address has begun as many handshakes within a second as it may. */
  begin(host: string, nowMs: number): boolean {
    const pace = this.#paceOf(host, nowMs)
    if (pace.waitMs(nowMs) > 0) return false
    pace.take(1, nowMs)
    return true
  }

  #paceOf(host: string, nowMs: number): Pace {
    const known = this.#paces.get(host)
    if (known !== undefined) return known
    if (this.#paces.size >= ADDRESSES_KEPT && nowMs - this.#sweptMs >= QUIET_MS) this.#sweep(nowMs)
    const pace = new Pace(this.#perSecond, nowMs)
    this.#paces.set(host, pace)
    return pace
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs
    for (const [host, pace] of this.#paces) if (pace.isFull(nowMs)) this.#paces.delete(host)
  }
}
