import { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { systemTimers, type TimerSource } from '../timers.js'
import type { CodeChannel } from './code-channel.js'
import type { CodeDraft } from './code-draft.js'
import { type CodeMessage, type CodePiece, errorTold, invalidSource } from './code-messages.js'
import { FileIntake } from './file-intake.js'
import { type Manifest, readManifest } from './manifest.js'

/** What a source said of the code, and its manifest. */
export interface ReceivedManifest {
  readonly manifest: Manifest
  readonly root: string | undefined
  readonly holders: readonly string[]
}

type About = Extract<CodeMessage, { type: 'manifest' }>

interface WantedManifest {
  readonly id: string | undefined
  readonly resolve: (received: ReceivedManifest) => void
  readonly reject: (error: FiresteelError) => void
  readonly pieces: Buffer[]
  bytes: number
  about?: About
}

/** Receives code over one channel: first a manifest, then files of it. */
export class CodeReceiver {
  readonly #channel: CodeChannel
  readonly #timers: TimerSource
  #wanted: WantedManifest | undefined
  #files: FileIntake | undefined
  #cancelStall: (() => void) | undefined
  /** Looks in a row at which nothing had come or was written. */
  #quietLooks = 0
  #failure: FiresteelError | undefined
  /** Why a source does not have a file any more. */
  refusal: FiresteelError | undefined

  constructor(channel: CodeChannel, timers: TimerSource = systemTimers) {
    this.#channel = channel
    this.#timers = timers
  }

  /**
   * Rejects with what the source says, CODE_INVALID, or the error of `fail`. `id` undefined: the source
   * chooses. It may take its time, because a driver may not know its code yet.
   */
  manifest(id: string | undefined): Promise<ReceivedManifest> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#wanted = { id, resolve, reject, pieces: [], bytes: 0 }
      this.#channel.tell({ type: 'want', ...(id !== undefined && { id }) })
    })
  }

  /** Receives the files at these places. The source may lack some of them: see `refusal`. */
  async files(draft: CodeDraft, lacking: readonly number[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const files = new FileIntake(this.#channel, draft, () => this.#stirred())
    this.#files = files
    this.#stirred()
    this.#lookLater()
    try {
      await files.take(lacking)
    } finally {
      this.#files = undefined
      this.#cancelStall?.()
    }
  }

  /** False: the message is not for a sink. Throws FRAME_INVALID. */
  receive(message: CodeMessage): boolean {
    this.#stirred()
    if (message.type === 'manifest') {
      const { id } = message
      if (this.#wanted === undefined || this.#wanted.about !== undefined)
        throw invalidSource('a manifest was not asked for')
      if (this.#wanted.id !== undefined && id !== this.#wanted.id)
        throw invalidSource('it gives another code')
      this.#wanted.about = message
      return true
    }
    if (message.type !== 'gone') return false
    const { place } = message
    const error = errorTold(message)
    if (place === undefined) this.#refused(error)
    else if (this.#files === undefined) throw invalidSource('it refuses a file that nobody asked for')
    else {
      this.#files.gone(place)
      this.refusal = error
    }
    return true
  }

  /** Throws FRAME_INVALID for a piece that was not asked for. */
  piece(piece: CodePiece): void {
    this.#stirred()
    if (piece.kind === 'manifest') this.#manifestPiece(piece.bytes)
    else if (this.#files === undefined) throw invalidSource('a piece was not asked for')
    else this.#files.piece(piece)
  }

  /** The link has ended, or the fetch is given up. */
  fail(error: FiresteelError): void {
    if (this.#failure) return
    this.#failure = error
    this.#cancelStall?.()
    this.#wanted?.reject(error)
    this.#files?.fail(error)
  }

  #refused(error: FiresteelError): void {
    if (this.#wanted === undefined) throw invalidSource('it has nothing to refuse')
    this.#wanted.reject(error)
    this.#wanted = undefined
  }

  #manifestPiece(bytes: Buffer): void {
    const wanted = this.#wanted
    if (wanted?.about === undefined) throw invalidSource('a manifest was not asked for')
    const { about, pieces } = wanted
    wanted.bytes += bytes.length
    if (bytes.length === 0 || wanted.bytes > about.bytes)
      throw invalidSource('a manifest has other bytes than announced')
    pieces.push(Buffer.from(bytes))
    if (wanted.bytes < about.bytes) return
    this.#wanted = undefined
    const { id, root, holders } = about
    readManifest(Buffer.concat(pieces), id).then(
      (manifest) => wanted.resolve({ manifest, root, holders }),
      (error: FiresteelError) => wanted.reject(error),
    )
  }

  /** Something has come or was written, so neither side is stuck. */
  #stirred(): void {
    this.#quietLooks = 0
  }

  /** A look now and then costs less than a timer that each piece sets anew. */
  #lookLater(): void {
    this.#cancelStall = this.#timers.after(limits.codeStallMs / innerLimits.codeStallLooks, () => {
      if (this.#files === undefined || this.#failure) return
      if (++this.#quietLooks <= innerLimits.codeStallLooks) {
        this.#lookLater()
        return
      }
      this.fail(
        new FiresteelError('CODE_MISSING', `its source sent nothing for ${limits.codeStallMs / 1000} s`),
      )
      this.#channel.close('the source of code stands still')
    })
  }
}
