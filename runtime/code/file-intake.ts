import { errorOf, FiresteelError, isFiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CodeChannel } from './code-channel.js'
import type { CodeDraft } from './code-draft.js'
import { type CodePiece, invalidSource } from './code-messages.js'
import { PieceBatch } from './piece-batch.js'

/**
 * Files that come over one channel. What may have come and is not written is bounded, so a fast source fills
 * no memory, and a slow disk slows the source.
 */
export class FileIntake {
  readonly #channel: CodeChannel
  readonly #draft: CodeDraft
  readonly #stirred: () => void
  /** Places that were asked for, and whose last piece has not come. */
  readonly #open = new Set<number>()
  readonly #batch = new PieceBatch()
  #isFlushDue = false
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
    if (!this.#open.has(place)) throw invalidSource('a piece was not asked for')
    this.#unwrittenBytes += bytes.length
    if (this.#unwrittenBytes > innerLimits.codeWindowBytes * 2)
      throw invalidSource('it sends more than it may')
    const last = kind === 'last'
    if (last) this.#open.delete(place)
    if (!this.#batch.add(place, bytes, last)) {
      this.#flush()
      this.#batch.add(place, bytes, last)
    }
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  /** The source does not have it as it was. */
  gone(place: number): void {
    if (!this.#open.delete(place)) throw invalidSource('it refuses a file that nobody asked for')
    this.#flush()
    this.#draft.drop([place]).then(
      () => this.#done(1),
      (error: unknown) => this.#failed(error),
    )
  }

  /** Rejects once no file is being written any more. */
  fail(error: FiresteelError): void {
    if (this.#failure) return
    this.#failure = error
    // It runs after all that was given to be written.
    void this.#draft
      .drop()
      .catch(() => undefined)
      .then(() => this.#reject(error))
  }

  #failed(error: unknown): void {
    this.fail(isFiresteelError(error) ? error : new FiresteelError('INTERNAL', reasonOf(error)))
  }

  #flush(): void {
    if (this.#batch.isEmpty || this.#failure) return
    const { pieces, bytes, end } = this.#batch.take()
    this.#draft.write(pieces, bytes).then(
      ({ done, failure, bytes: written }) => {
        if (failure) this.fail(errorOf(failure))
        this.#batch.giveBack(written)
        this.#taken(end)
        this.#done(done.length)
      },
      (error: unknown) => this.#failed(error),
    )
  }

  #taken(bytes: number): void {
    this.#unwrittenBytes -= bytes
    this.#untoldBytes += bytes
    this.#stirred()
    if (this.#untoldBytes < innerLimits.codeTakenBytes || this.#failure) return
    this.#channel.tell({ type: 'taken', bytes: this.#untoldBytes })
    this.#untoldBytes = 0
  }

  #done(files: number): void {
    this.#pending -= files
    if (!this.#failure) this.#ask()
  }

  /** Many files with one message. */
  #ask(): void {
    const isOver = this.#next === this.#lacking.length
    if (isOver && this.#pending === 0) this.#resolve()
    if (isOver || this.#pending > innerLimits.codeWindowFiles / 2) return
    const places = this.#lacking.slice(this.#next, this.#next + innerLimits.codeWindowFiles - this.#pending)
    this.#next += places.length
    this.#pending += places.length
    for (const place of places) this.#open.add(place)
    this.#channel.tell({ type: 'get', places })
  }
}
