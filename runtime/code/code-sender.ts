import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { FiresteelError, isFiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { CodeChannel } from './code-channel.js'
import { type CodeMessage, PIECE_BYTES, toldOf } from './code-messages.js'
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

/** Answers what the sink of one channel wants, a few files at a time. */
export class CodeSender {
  readonly #channel: CodeChannel
  /** Of the id that was asked for; undefined: of the code that this side is there for. */
  readonly #codeOf: (id: string | undefined) => Promise<SendableCode>
  readonly #counts: SentCounts
  readonly #wanted: number[] = []
  #code: SendableCode | undefined
  /** Files that are being read and sent. */
  #sending = 0
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
        // Several at a time, because each waits for its disk. Their pieces may alternate.
        while (this.#sending < innerLimits.codeOpenFiles && this.#wanted.length > 0)
          void this.#sendFiles(this.#code)
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
      for (let from = 0; from < text.length && this.#channel.isOpen; from += PIECE_BYTES) {
        const bytes = text.subarray(from, from + PIECE_BYTES)
        this.#counts.bytes += bytes.length
        await this.#channel.send({ kind: 'manifest', place: 0, bytes })
      }
    } catch (error) {
      this.#gone(error)
    }
  }

  async #sendFiles(code: SendableCode): Promise<void> {
    this.#sending++
    try {
      for (let place = this.#wanted.shift(); place !== undefined; place = this.#wanted.shift()) {
        if (!this.#channel.isOpen) return
        await this.#sendFile(code, place)
      }
    } finally {
      this.#sending--
    }
  }

  async #sendFile(code: SendableCode, place: number): Promise<void> {
    const file = code.manifest.files[place] as CodeFile
    try {
      const handle = await open(code.sourceOf(place))
      try {
        await this.#sendContent(handle, file, place)
      } finally {
        await handle.close()
      }
      this.#counts.files++
    } catch (error) {
      this.#gone(isFiresteelError(error) ? error : changed(file, reasonOf(error)), place)
    }
  }

  /** The last piece leaves only if the whole file is what the manifest says. */
  async #sendContent(handle: FileHandle, { bytes, hash, path }: CodeFile, place: number): Promise<void> {
    const digest = createHash('sha256')
    let left = bytes
    do {
      await this.#allowed()
      const slice = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(1, left)))
      const { bytesRead } = await handle.read(slice, 0, slice.length)
      const piece = slice.subarray(0, bytesRead)
      digest.update(piece)
      left -= bytesRead
      if (left < 0 || (bytesRead === 0 && left > 0)) throw changed({ path }, 'it has another size')
      if (left === 0 && digest.digest('hex') !== hash) throw changed({ path }, 'it has another content')
      this.#counts.bytes += piece.length
      this.#untaken += piece.length
      await this.#channel.send({ kind: left === 0 ? 'last' : 'piece', place, bytes: piece })
    } while (left > 0 && this.#channel.isOpen)
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

const changed = ({ path }: Pick<CodeFile, 'path'>, why: string): FiresteelError =>
  new FiresteelError('CODE_CHANGED', `${path} was changed after the code was collected: ${why}.`, {
    place: path,
  })

const invalid = (what: string): FiresteelError =>
  new FiresteelError('FRAME_INVALID', `A sink of code is not acceptable: ${what}.`)
