import { randomBytes } from 'node:crypto'
import { clientTls } from '../../../runtime/tls/tls-told.js'
import { LinkKeeper } from '../../../runtime/transport/link-keeper.js'
import { peerOf, type Target } from './target.js'

/** An honest peer with its key. It links again and again, as our own processes do. */
export class LegalPeer {
  /** Milliseconds that each link took. */
  readonly waits: number[] = []
  readonly #target: Target
  readonly #from: string
  #sinceMs = performance.now()
  #keeper: LinkKeeper | undefined
  #pause: NodeJS.Timeout | undefined
  #isOver = false

  constructor(target: Target, from: string) {
    this.#target = target
    this.#from = from
    this.#dial()
  }

  /** Returns the longest wait, also of a link that is not open yet. */
  stop(): number {
    this.#isOver = true
    clearTimeout(this.#pause)
    if (this.#keeper !== undefined) this.waits.push(performance.now() - this.#sinceMs)
    this.#keeper?.close()
    return Math.round(Math.max(...this.waits))
  }

  #dial(): void {
    this.#sinceMs = performance.now()
    const { host, port, appId, tls } = this.#target
    const { role, key, subject, cluster } = peerOf(
      this.#target,
      appId === undefined ? 'client' : 'application',
    )
    this.#keeper = new LinkKeeper({
      host,
      port,
      role,
      key,
      subject,
      tls: tls && clientTls(tls),
      identity: { cluster, incarnation: `legal-${randomBytes(8).toString('hex')}` },
      localAddress: this.#from,
      onLink: () => this.#linked(),
    })
  }

  #linked(): void {
    this.waits.push(performance.now() - this.#sinceMs)
    this.#keeper?.close()
    this.#keeper = undefined
    if (!this.#isOver) this.#pause = setTimeout(() => this.#dial(), 100)
  }
}
