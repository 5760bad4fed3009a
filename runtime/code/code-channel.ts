import type { LinkReceiver } from '../transport/link.js'
import {
  type CodeMessage,
  type CodePiece,
  isPiece,
  readFrame,
  writeMessage,
  writePiece,
} from './code-messages.js'

/** What a channel needs of a link. */
export interface CodeLink {
  readonly isOpen: boolean
  sendPayload(parts: readonly Uint8Array[]): boolean
  setReceiver(receiver: LinkReceiver): void
  close(reason?: string): void
}

export interface ChannelListener {
  /** If this throws, the link ends as invalid. */
  message(message: CodeMessage): void
  /** The bytes are a view: copy what is kept. If this throws, the link ends as invalid. */
  piece(piece: CodePiece): void
  closed(reason: string): void
}

/** One side of a code link. Its sender waits while the link is full. */
export class CodeChannel {
  readonly #link: CodeLink
  #blocked: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  constructor(link: CodeLink, listener: ChannelListener) {
    this.#link = link
    link.setReceiver({
      // Control messages have links of their own.
      envelope: () => {},
      payload: (frame) => {
        const value = readFrame(frame)
        if (isPiece(value)) listener.piece(value)
        else listener.message(value)
      },
      drain: () => this.#free(),
      closed: (end) => {
        this.#free()
        listener.closed(end.detail)
      },
    })
  }

  get isOpen(): boolean {
    return this.#link.isOpen
  }

  /** For small and rare messages. */
  tell(message: CodeMessage): void {
    if (!this.#link.sendPayload(writeMessage(message))) this.#block()
  }

  /** Resolves when more may be sent, or the link has ended. */
  async send(piece: CodePiece): Promise<void> {
    if (!this.#link.sendPayload(writePiece(piece))) this.#block()
    await this.#blocked?.promise
  }

  /** Tells this, and then ends the link. */
  refuse(message: CodeMessage, reason: string): void {
    this.tell(message)
    // What was told leaves before the link ends.
    setImmediate(() => this.close(reason))
  }

  close(reason: string): void {
    this.#link.close(reason)
  }

  #block(): void {
    if (this.#blocked !== undefined || !this.#link.isOpen) return
    let resolve = (): void => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    this.#blocked = { promise, resolve }
  }

  #free(): void {
    this.#blocked?.resolve()
    this.#blocked = undefined
  }
}
