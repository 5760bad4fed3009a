import { errorOf, FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CodeChannel } from './code-channel.js'
import { codeDisk } from './code-disk.js'
import { type CodeMessage, PIECE_BYTES, toldOf } from './code-messages.js'
import type { ReadPiece, ReadPieces, WantedFile } from './disk/file-reading.js'
import type { CodeFile, Manifest } from './manifest.js'

/** A code that can be sent. */
export interface SendableCode {
  readonly manifest: Manifest
  /** Where its folder lies on this machine; absent: it is not told. */
  readonly root?: string | undefined
  /** Path of the file at this place in the manifest. */
  sourceOf(place: number): string
  /** Addresses of others that have it. */
  holders?(): readonly string[]
}

/** Bytes and files that were sent, for status, tests and measurements. */
export interface SentCounts {
  bytes: number
  files: number
}

/** Answers what the sink of one channel wants, one file after the other. */
export class CodeSender {
  readonly #channel: CodeChannel
  /** Of the id that was asked for; undefined: of the code that this side is there for. */
  readonly #codeOf: (id: string | undefined) => Promise<SendableCode>
  readonly #counts: SentCounts
  readonly #wanted: number[] = []
  #code: SendableCode | undefined
  /** A manifest was asked for, and its last byte was not sent. */
  #isAsked = false
  /** Files are being read and sent. */
  #isSending = false
  /** Bytes that the sink has not written. */
  #untaken = 0
  #whenTaken: (() => void)[] = []

  constructor(
    channel: CodeChannel,
    codeOf: (id: string | undefined) => Promise<SendableCode>,
    counts: SentCounts = { bytes: 0, files: 0 },
  ) {
    this.#channel = channel
    this.#codeOf = codeOf
    this.#counts = counts
  }

  /** False: the message is not for a source. */
  receive(message: CodeMessage): boolean {
    switch (message.type) {
      case 'want':
        if (this.#isAsked) throw invalid('it asks for a manifest while another one is on its way')
        this.#isAsked = true
        void this.#sendManifest(message.id)
        return true
      case 'get':
        if (this.#code === undefined) throw invalid('it asks for files of no manifest')
        if (this.#wanted.length + message.places.length > this.#code.manifest.files.length)
          throw invalid('it asks for more files than there are')
        for (const place of message.places) {
          if (place >= this.#code.manifest.files.length) throw invalid('it asks for a file that is none')
          this.#wanted.push(place)
        }
        if (!this.#isSending) void this.#sendFiles(this.#code)
        return true
      case 'taken':
        this.#untaken -= message.bytes
        if (this.#untaken < 0) throw invalid('it takes more than was sent')
        this.#wake()
        return true
      default:
        return false
    }
  }

  /** The link has ended. */
  close(): void {
    this.#wanted.length = 0
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#whenTaken.splice(0)) wake()
  }

  async #sendManifest(id: string | undefined): Promise<void> {
    try {
      const code = await this.#codeOf(id)
      this.#code = code
      const { text, id: own } = code.manifest
      this.#channel.tell({
        type: 'manifest',
        id: own,
        bytes: text.length,
        ...(code.root !== undefined && { root: code.root }),
        holders: [...(code.holders?.() ?? [])],
      })
      // With the last piece the sink may ask again, so nobody waits after it.
      let taken: Promise<void> | undefined
      for (let from = 0; from < text.length && this.#channel.isOpen; from += PIECE_BYTES) {
        await taken
        const bytes = text.subarray(from, from + PIECE_BYTES)
        this.#counts.bytes += bytes.length
        taken = this.#channel.send({ kind: 'manifest', place: 0, bytes })
      }
    } catch (error) {
      this.#gone(error)
    } finally {
      this.#isAsked = false
    }
  }

  /** Reads a bounded number of bytes at a time, of as many files as have them. */
  async #sendFiles(code: SendableCode): Promise<void> {
    this.#isSending = true
    const { number, release } = codeDisk.use()
    try {
      let isMore = false
      while (this.#channel.isOpen && (isMore || this.#wanted.length > 0)) {
        await this.#allowed()
        const places = isMore ? [] : this.#wanted.splice(0, innerLimits.codeReadFiles)
        const files = places.map((place) => wantedFile(code, place))
        const read: ReadPieces = await codeDisk.run('read', [number, files])
        isMore = read.more
        let from = 0
        for (const piece of read.pieces) {
          await this.#sendPiece(piece, Buffer.from(read.bytes.buffer, from, piece.bytes))
          from += piece.bytes
        }
      }
    } catch (error) {
      this.#channel.close(`the files of the code cannot be read: ${reasonOf(error)}`)
    } finally {
      this.#isSending = false
      await codeDisk.run('closeReading', [number]).catch(() => undefined)
      release()
    }
  }

  async #sendPiece({ place, last, failure }: ReadPiece, bytes: Buffer): Promise<void> {
    if (!this.#channel.isOpen) return
    if (failure) {
      this.#gone(errorOf(failure), place)
      return
    }
    this.#counts.bytes += bytes.length
    this.#untaken += bytes.length
    await this.#channel.send({ kind: last ? 'last' : 'piece', place, bytes })
    if (last) this.#counts.files++
  }

  async #allowed(): Promise<void> {
    while (this.#untaken >= innerLimits.codeWindowBytes && this.#channel.isOpen) {
      await new Promise<void>((resolve) => {
        this.#whenTaken.push(resolve)
      })
    }
  }

  #gone(error: unknown, place?: number): void {
    this.#channel.tell({ type: 'gone', ...(place !== undefined && { place }), ...toldOf(error) })
  }
}

function wantedFile({ manifest, sourceOf }: SendableCode, place: number): WantedFile {
  const { path, bytes, hash } = manifest.files[place] as CodeFile
  return { place, source: sourceOf(place), path, bytes, hash }
}

const invalid = (what: string): FiresteelError =>
  new FiresteelError('FRAME_INVALID', `A sink of code is not acceptable: ${what}.`)
