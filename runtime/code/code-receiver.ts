import type { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { systemTimers, type TimerSource } from '../timers.js'
import type { CodeChannel } from './code-channel.js'
import type { CodeDraft } from './code-draft.js'
import { type CodeMessage, type CodePiece, errorTold, invalidSource, toldOf } from './code-messages.js'
import { codeTurns } from './code-turns.js'
import { FileIntake } from './file-intake.js'
import { GatheredBytes } from './gathered-bytes.js'
import { type Manifest, readManifest } from './manifest.js'
import type { BroughtManifest, ManifestBudget } from './manifest-budget.js'

const LOOK_MS = limits.codeStallMs / innerLimits.codeStallLooks

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
  /** What was announced, and what of it has come. */
  about?: About
  text?: GatheredBytes
}

export interface CodeReceiverParts {
  readonly timers?: TimerSource
  /** Counts the bytes of a manifest as they come, until `release`, or until it is refused. */
  readonly held?: ManifestBudget
}

/** Receives code over one channel: first a manifest, then files of it. */
export class CodeReceiver implements BroughtManifest {
  readonly #channel: CodeChannel
  readonly #timers: TimerSource
  readonly #held: ManifestBudget | undefined
  #wanted: WantedManifest | undefined
  #files: FileIntake | undefined
  /** Set while it is looked whether the source stands still. */
  #cancelStall: (() => void) | undefined
  /** Looks in a row at which nothing had come or was written. */
  #quietLooks = 0
  /** All looks since bytes are due. */
  #looks = 0
  /** A manifest has come, and files of it may be asked for. */
  #isGiven = false
  #failure: FiresteelError | undefined
  readonly #over = new AbortController()
  /** Why a source does not have a file any more. */
  refusal: FiresteelError | undefined

  constructor(channel: CodeChannel, { timers = systemTimers, held }: CodeReceiverParts = {}) {
    this.#channel = channel
    this.#timers = timers
    this.#held = held
  }

  /**
   * Rejects with what the source says, CODE_INVALID, or the error of `fail`. `id` undefined: the source
   * chooses. It may take its time then, because a driver may not know its code yet. Who has said what it has
   * may not, because others that bring the same wait.
   */
  manifest(id: string | undefined): Promise<ReceivedManifest> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#wanted = { id, resolve, reject }
      if (id !== undefined) this.#look()
      this.#channel.tell({ type: 'want', ...(id !== undefined && { id }) })
    })
  }

  /** Receives the files at these places. The source may lack some of them: see `refusal`. */
  async files(draft: CodeDraft, lacking: readonly number[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const files = new FileIntake(this.#channel, draft, () => this.#stirred())
    this.#files = files
    this.#look()
    try {
      await files.take(lacking)
    } finally {
      this.#files = undefined
      this.#lookNoMore()
    }
  }

  /** False: the message is not for a sink. Throws FRAME_INVALID. */
  receive(message: CodeMessage): boolean {
    if (message.type === 'manifest' || message.type === 'gone') this.#stirred()
    // What was on its way when this side gave up.
    if (this.#failure) return message.type === 'manifest' || message.type === 'gone'
    if (message.type === 'manifest') {
      const { id } = message
      if (this.#wanted === undefined || this.#wanted.about !== undefined)
        throw invalidSource('a manifest was not asked for')
      if (this.#wanted.id !== undefined && id !== this.#wanted.id)
        throw invalidSource('it gives another code')
      this.#wanted.about = message
      this.#wanted.text = new GatheredBytes(message.bytes)
      if (this.#wanted.id === undefined) this.#look()
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
    if (this.#failure) return
    if (piece.kind === 'manifest') this.#manifestPiece(piece.bytes)
    else if (this.#files === undefined) throw invalidSource('a piece was not asked for')
    else this.#files.piece(piece)
  }

  /** The link has ended, or the fetch is given up. */
  fail(error: FiresteelError): void {
    if (this.#failure) return
    this.#failure = error
    this.#over.abort(error)
    this.#lookNoMore()
    this.#wanted?.reject(error)
    this.#wanted = undefined
    this.#files?.fail(error)
    this.release()
  }

  /** The manifest is not used any more. */
  release(): void {
    this.#held?.release(this)
  }

  get broughtBytes(): number {
    return this.#wanted?.text?.bytes ?? 0
  }

  get isLate(): boolean {
    return this.#looks >= innerLimits.codeStallLooks
  }

  /** The bytes of this manifest are needed for others. */
  cut(detail: string): void {
    const error = new FiresteelError('BUSY', `The code is not taken now: ${detail}.`)
    this.#channel.refuse({ type: 'failed', ...toldOf(error) }, detail)
    this.fail(error)
  }

  #refused(error: FiresteelError): void {
    if (this.#wanted === undefined) {
      if (!this.#isGiven) throw invalidSource('it has nothing to refuse')
      // It gave its manifest, and cannot go on.
      this.fail(error)
      return
    }
    this.#wanted.reject(error)
    this.#wanted = undefined
    this.#lookNoMore()
    this.release()
  }

  #manifestPiece(bytes: Buffer): void {
    const wanted = this.#wanted
    if (wanted?.about === undefined || wanted.text === undefined)
      throw invalidSource('a manifest was not asked for')
    const { about, text } = wanted
    if (bytes.length === 0 || text.bytes + bytes.length > text.announced)
      throw invalidSource('a manifest has other bytes than announced')
    text.add(bytes)
    this.#held?.comes(this, text.memory)
    if (this.#failure || !text.isWhole) return
    this.#held?.isWhole(this)
    this.#isGiven = true
    this.#wanted = undefined
    this.#lookNoMore()
    const { id, root, holders } = about
    this.#read(text, id).then(
      (manifest) => wanted.resolve({ manifest, root, holders }),
      (error: FiresteelError) => {
        this.release()
        wanted.reject(error)
      },
    )
  }

  /** To put a long manifest together takes a part of a turn. */
  async #read(text: GatheredBytes, id: string): Promise<Manifest> {
    const { signal } = this.#over
    await codeTurns.next()
    signal.throwIfAborted()
    return readManifest(text.whole(), id, signal)
  }

  /** Something has come or was written, so neither side is stuck. */
  #stirred(): void {
    this.#quietLooks = 0
  }

  /** Bytes are due from now on. */
  #look(): void {
    this.#stirred()
    this.#looks = 0
    this.#lookNoMore()
    this.#lookLater()
  }

  #lookNoMore(): void {
    this.#cancelStall?.()
    this.#cancelStall = undefined
  }

  /** A look now and then costs less than a timer that each piece sets anew. */
  #lookLater(): void {
    this.#cancelStall = this.#timers.after(LOOK_MS, () => {
      this.#looks++
      const { codeManifestMs, codeStallMs } = limits
      const isDripping = this.#wanted !== undefined && this.#looks * LOOK_MS >= codeManifestMs
      if (++this.#quietLooks > innerLimits.codeStallLooks)
        this.#giveUp(`its source sent nothing for ${codeStallMs / 1000} s`, 'the source of code stands still')
      else if (isDripping)
        this.#giveUp(
          `its manifest was not whole after ${codeManifestMs / 1000} s`,
          'a manifest of code drips',
        )
      else this.#lookLater()
    })
  }

  #giveUp(why: string, detail: string): void {
    this.fail(new FiresteelError('CODE_MISSING', why))
    this.#channel.close(detail)
  }
}
