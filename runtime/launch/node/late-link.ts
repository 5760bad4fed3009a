import { reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import type { LauncherLink } from './launcher-link.js'

export interface LateLinkOptions {
  /** False: it is never opened. */
  readonly isWanted: boolean
  readonly open: () => Promise<LauncherLink>
  readonly warn: (text: string) => void
}

/** The link of a launcher, which is opened after the start of its nodes so that it does not delay them. */
export class LateLink {
  readonly #options: LateLinkOptions
  readonly #timer: NodeJS.Timeout
  #opened: Promise<LauncherLink | undefined> | undefined
  #isClosed = false

  constructor(options: LateLinkOptions) {
    this.#options = options
    this.#timer = setTimeout(() => this.open(), innerLimits.launcherLinkMs).unref()
  }

  open(): void {
    const { isWanted, open, warn } = this.#options
    if (!isWanted || this.#isClosed) return
    this.#opened ??= open().catch((error: unknown) => {
      warn(`This launcher has no link to the Masters: ${reasonOf(error)}`)
      return undefined
    })
  }

  /** The nodes have changed. */
  async registerAgain(): Promise<void> {
    const link = await this.#opened
    link?.register()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isClosed = true
    const link = await this.#opened
    await link?.close()
  }
}
