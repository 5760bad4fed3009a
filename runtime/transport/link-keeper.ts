import { type Clock, systemClock } from '../clock.js'
import { systemTimers, type TimerSource } from '../timers.js'
import { type DialError, type DialOptions, dial } from './dial.js'
import type { Link } from './link.js'
import type { LinkEnd } from './link-end.js'
import { RedialBackoff } from './redial-backoff.js'

export interface LinkKeeperOptions extends Omit<DialOptions, 'signal'> {
  /** Called for each link that was opened. The caller must give it a receiver. */
  readonly onLink: (link: Link) => void
  /** The link ended; the keeper dials again. */
  readonly onDown?: (end: LinkEnd) => void
  /**
   * Wrong secret, certificate, cluster or version. The keeper goes on trying, in the end every 5 s, until
   * `close()`.
   */
  readonly onRefused?: (error: DialError) => void
  /**
   * Called for each dial that found nobody or broke. `error.refused` is witness 2 of protocol 5.5.
   * `dialledAtBootMs` is when the dial began, by the boot clock.
   */
  readonly onDialFailed?: (error: DialError, dialledAtBootMs: number) => void
  /** Returns numbers in [0, 1). */
  readonly random?: () => number
  /** For tests and TLS. */
  readonly dialWith?: (options: DialOptions) => Promise<Link>
}

const refusals: ReadonlySet<string> = new Set([
  'FIRESTEEL_SECRET_WRONG',
  'FIRESTEEL_CLUSTER_MISMATCH',
  'FIRESTEEL_VERSION_UNSUPPORTED',
  'FIRESTEEL_CREDENTIAL_ENDED',
  'FIRESTEEL_TLS_MISMATCH',
  'FIRESTEEL_CERTIFICATE_REFUSED',
])

/** Keeps one link to an address: it dials at once, and again after each loss with a jittered back-off. */
export class LinkKeeper {
  readonly #options: LinkKeeperOptions
  readonly #clock: Clock
  readonly #timers: TimerSource
  readonly #backoff: RedialBackoff
  #link: Link | undefined
  #dialling: AbortController | undefined
  #cancelWait: (() => void) | undefined
  #closed = false

  constructor(options: LinkKeeperOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#timers = options.timers ?? systemTimers
    this.#backoff = new RedialBackoff(options.random ?? Math.random)
    this.#dial()
  }

  /** The link, while it is open. */
  get link(): Link | undefined {
    return this.#link
  }

  /** Dials now instead of at the end of the wait. */
  retryNow(): void {
    if (this.#cancelWait === undefined) return
    this.#cancelWait()
    this.#cancelWait = undefined
    this.#dial()
  }

  /** Ends the link and the dialling. No callback follows but the link's own `closed`. */
  close(reason?: string): void {
    this.#closed = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    this.#dialling?.abort()
    this.#link?.close(reason)
    this.#link = undefined
  }

  #dial(): void {
    const controller = new AbortController()
    this.#dialling = controller
    const dialledAtBootMs = this.#clock.bootMs()
    const dialWith = this.#options.dialWith ?? dial
    dialWith({ ...this.#options, signal: controller.signal }).then(
      (link) => this.#linked(link),
      (error: DialError) => this.#failed(error, dialledAtBootMs),
    )
  }

  #linked(link: Link): void {
    this.#dialling = undefined
    if (this.#closed) {
      link.close('no longer wanted')
      return
    }
    this.#link = link
    this.#backoff.linked(this.#clock.monotonicMs())
    link.whenEnded((end) => this.#lost(link, end))
    this.#options.onLink(link)
  }

  #lost(link: Link, end: LinkEnd): void {
    if (this.#closed || this.#link !== link) return
    this.#link = undefined
    // A replaced link that dialled at once would replace the newer link in turn, and so on. So it waits long.
    const failure = end.kind === 'replaced' ? 'refused' : 'unreachable'
    this.#wait(this.#backoff.lost(this.#clock.monotonicMs(), failure))
    this.#options.onDown?.(end)
  }

  #failed(error: DialError, dialledAtBootMs: number): void {
    this.#dialling = undefined
    if (this.#closed) return
    const refused = refusals.has(error.code)
    this.#wait(this.#backoff.failed(refused ? 'refused' : 'unreachable'))
    if (refused) this.#options.onRefused?.(error)
    else this.#options.onDialFailed?.(error, dialledAtBootMs)
  }

  #wait(delayMs: number): void {
    this.#cancelWait = this.#timers.after(delayMs, () => {
      this.#cancelWait = undefined
      this.#dial()
    })
  }
}
