import { Buffer } from 'node:buffer'
import type { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CodeChannel } from './code-channel.js'
import type { CodeDraft } from './code-draft.js'
import { type CodePiece, invalidSource } from './code-messages.js'
import type { IncomingFile } from './incoming-file.js'

interface OpenFile {
  readonly incoming: IncomingFile
  /** Its pieces are written one after the other. */
  written: Promise<void>
}

/**
 * Files that come over one channel. What may have come and is not written is bounded, so a fast source fills
 * no memory, and a slow disk slows the source.
 */
export class FileIntake {
  readonly #channel: CodeChannel
  readonly #draft: CodeDraft
  readonly #stirred: () => void
  readonly #open = new Map<number, OpenFile>()
  #lacking: readonly number[] = []
  #next = 0
  /** Files that were asked for and are neither written nor refused. */
  #pending = 0
  #unwrittenBytes = 0
  #untoldBytes = 0
  #failure: FiresteelError | undefined
  #resolve: () => void = () => {}
  #reject: (error: FiresteelError) => void = () => {}

  constructor(channel: CodeChannel, draft: CodeDraft, stirred: () => void) {
    this.#channel = channel
    this.#draft = draft
    this.#stirred = stirred
  }

  /** Resolves when each has come or was refused. Rejects when nothing more is written. */
  take(lacking: readonly number[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#lacking = lacking
      this.#ask()
    })
  }

  /** Throws FRAME_INVALID for a piece that was not asked for. */
  piece({ kind, place, bytes }: CodePiece): void {
    const open = this.#open.get(place)
    if (open === undefined) throw invalidSource('a piece was not asked for')
    this.#unwrittenBytes += bytes.length
    if (this.#unwrittenBytes > innerLimits.codeWindowBytes * 2)
      throw invalidSource('it sends more than it may')
    // The frame is a view into what was read from the socket.
    const piece = Buffer.from(bytes)
    open.written = open.written.then(() => open.incoming.write(piece)).then(() => this.#taken(piece.length))
    if (kind === 'last') {
      this.#open.delete(place)
      open.written = open.written.then(() => open.incoming.end()).then(() => this.#done())
    }
    open.written.catch((error: FiresteelError) => this.#failed(open, error))
  }

  /** The source does not have it as it was. */
  gone(place: number): void {
    const open = this.#open.get(place)
    if (open === undefined) throw invalidSource('it refuses a file that nobody asked for')
    this.#open.delete(place)
    open.written
      .then(() => open.incoming.abandon())
      .then(() => this.#done())
      .catch((error: FiresteelError) => this.#failed(open, error))
  }

  /** Rejects once no file is being written any more. */
  fail(error: FiresteelError): void {
    if (this.#failure) return
    this.#failure = error
    const closing = [...this.#open.values()].map(({ incoming, written }) =>
      written.catch(() => undefined).then(() => incoming.abandon()),
    )
    void Promise.allSettled(closing).then(() => this.#reject(error))
  }

  #failed(open: OpenFile, error: FiresteelError): void {
    void open.incoming.abandon().finally(() => this.fail(error))
  }

  #taken(bytes: number): void {
    this.#unwrittenBytes -= bytes
    this.#untoldBytes += bytes
    this.#stirred()
    if (this.#untoldBytes < innerLimits.codeTakenBytes || this.#failure) return
    this.#channel.tell({ type: 'taken', bytes: this.#untoldBytes })
    this.#untoldBytes = 0
  }

  #done(): void {
    this.#pending--
    if (!this.#failure) this.#ask()
  }

  #ask(): void {
    const places: number[] = []
    while (this.#next < this.#lacking.length && this.#pending < innerLimits.codeWindowFiles) {
      const place = this.#lacking[this.#next++] as number
      this.#open.set(place, { incoming: this.#draft.receive(place), written: Promise.resolve() })
      this.#pending++
      places.push(place)
    }
    if (places.length > 0) this.#channel.tell({ type: 'get', places })
    else if (this.#pending === 0) this.#resolve()
  }
}
