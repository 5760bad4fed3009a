import { Buffer } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { type ErrorParts, errorParts, FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'

/** A file that is to be sent. */
export interface WantedFile {
  readonly place: number
  /** Where it lies on this machine. */
  readonly source: string
  /** What the manifest says of it. */
  readonly path: string
  readonly bytes: number
  readonly hash: string
}

/** What is to be sent of the file at `place`: so many of the bytes that came with it, or why nothing is. */
export interface ReadPiece {
  readonly place: number
  readonly bytes: number
  readonly last: boolean
  readonly failure?: ErrorParts
}

export interface ReadPieces {
  readonly pieces: readonly ReadPiece[]
  /** Of all pieces, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Files that were asked for are not read to their end. */
  readonly more: boolean
}

interface OpenFile extends WantedFile {
  readonly fd: number
  readonly hasher: Hash
  left: number
}

/** Reads files one after the other, a bounded number of bytes at a time, and checks each at its end. */
export class FileReading {
  readonly #queue: WantedFile[] = []
  #open: OpenFile | undefined

  /** Reads on. The last piece of a file is given only if the whole file is what the manifest says. */
  next(files: readonly WantedFile[]): ReadPieces {
    this.#queue.push(...files)
    const slice = Buffer.allocUnsafeSlow(innerLimits.codeSliceBytes)
    const pieces: ReadPiece[] = []
    let end = 0
    while (end < slice.length && (this.#open !== undefined || this.#queue.length > 0)) {
      const place = this.#open?.place ?? this.#queue[0]?.place ?? 0
      try {
        this.#open ??= this.#begin()
        const most = Math.min(slice.length - end, limits.payloadChunkBytes, this.#open.left)
        const piece = this.#read(this.#open, slice.subarray(end, end + most))
        if (piece.last) this.#end()
        pieces.push(piece)
        end += piece.bytes
      } catch (error) {
        this.#end()
        pieces.push({ place, bytes: 0, last: false, failure: errorParts(error) })
      }
    }
    const more = this.#open !== undefined || this.#queue.length > 0
    return { pieces, bytes: new Uint8Array(slice.buffer, 0, end), more }
  }

  close(): void {
    this.#queue.length = 0
    this.#end()
  }

  #begin(): OpenFile {
    const file = this.#queue.shift() as WantedFile
    try {
      return { ...file, fd: openSync(file.source, 'r'), hasher: createHash('sha256'), left: file.bytes }
    } catch (error) {
      throw changed(file, reasonOf(error))
    }
  }

  #read(file: OpenFile, into: Uint8Array): ReadPiece {
    const { place, fd, hasher } = file
    try {
      const bytes = into.byteLength === 0 ? 0 : readSync(fd, into, 0, into.byteLength, null)
      hasher.update(into.subarray(0, bytes))
      file.left -= bytes
      if (bytes === 0 && file.left > 0) throw changed(file, 'it has another size')
      const last = file.left === 0
      if (last && hasher.digest('hex') !== file.hash) throw changed(file, 'it has another content')
      return { place, bytes, last }
    } catch (error) {
      throw isFiresteelError(error) ? error : changed(file, reasonOf(error))
    }
  }

  #end(): void {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) closeSync(open.fd)
  }
}

const changed = ({ path }: Pick<WantedFile, 'path'>, why: string): FiresteelError =>
  new FiresteelError('CODE_CHANGED', `${path} was changed after the code was collected: ${why}.`, {
    place: path,
  })
