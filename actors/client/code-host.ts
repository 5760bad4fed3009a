import { CodeChannel } from '../../runtime/code/code-channel.js'
import { codeDisk } from '../../runtime/code/code-disk.js'
import { CodeSender, type SendableCode } from '../../runtime/code/code-sender.js'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { NewestEntries } from '../../runtime/newest-entries.js'
import type { Link } from '../../runtime/transport/link.js'

export interface CodeHostOptions {
  /** May be known later. */
  readonly folder: Promise<string>
  readonly modules: boolean
  readonly maxBytes?: number | undefined
}

/** Gives the code of one application to the Workers that ask for it. */
export class CodeHost {
  readonly #options: CodeHostOptions
  #code: Promise<SendableCode> | undefined
  /** Addresses of Workers that have it, as many as others are told, the newest last. */
  readonly #holders = new NewestEntries<string, true>(limits.codeSources)

  constructor(options: CodeHostOptions) {
    this.#options = options
  }

  link(link: Link): void {
    let sender: CodeSender
    const channel: CodeChannel = new CodeChannel(link, {
      message: (message) => {
        if (message.type === 'held') {
          // Whoever says it may say it without an end.
          if (message.address !== undefined) this.#holders.set(message.address, true)
        } else if (!sender.receive(message)) {
          throw new FiresteelError('FRAME_INVALID', `${message.type} is not for a driver.`)
        }
      },
      piece: () => {
        throw new FiresteelError('FRAME_INVALID', 'A driver takes no code.')
      },
      closed: () => sender.close(),
    })
    sender = new CodeSender(channel, () => this.#collected())
  }

  #collected(): Promise<SendableCode> {
    this.#code ??= this.#collect()
    // What is wrong may be mended until the next Worker asks.
    this.#code.catch(() => {
      this.#code = undefined
    })
    return this.#code
  }

  async #collect(): Promise<SendableCode> {
    const { modules, maxBytes } = this.#options
    const root = await this.#options.folder
    const { manifest, sources } = await codeDisk.collect({ folder: root, modules, maxBytes })
    return {
      manifest,
      root,
      sourceOf: (place) => sources[place] ?? '',
      holders: () => [...this.#holders.keys()],
    }
  }
}
