import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { limits } from '../limits.js'
import { isDescriptorShortage } from './descriptors.js'
import { liveStart, rotatedPath, rotatedSegments } from './output-segments.js'

/** Runs a synchronous action while no writer runs; false, and not done, when they could not be held. */
export type Freezer = (action: () => void) => boolean

export interface OutputFileOptions {
  /** Size at which the file is rotated. */
  readonly maxBytes?: number
  /** Files kept in all, the live one among them; at least 2. */
  readonly files?: number
  readonly checkMs?: number
  /** A rotation failed; the file goes on growing and it is tried again. */
  readonly onTrouble?: (error: unknown) => void
}

/** Where a child's stdout or stderr goes. */
export interface OutputFile {
  readonly path: string
  /** Append mode: after a truncation the child writes at the new end, not behind a hole. */
  readonly descriptor: number
  /** A writer who can be held still; gives the way to take that back. */
  attach(freezer: Freezer): () => void
  /** Looks at the size now instead of at the next tick; true when it was rotated. */
  rotateIfNeeded(): Promise<boolean>
  close(): Promise<void>
}

const COPY_BYTES = 1024 * 1024
/** What is left to copy while the writers are held: about a tenth of a millisecond. */
const HELD_BYTES = 256 * 1024
const CATCH_UP_ROUNDS = 5
/** After so many failures to hold the writers, a line may be lost rather than the disk. */
const HOLD_ATTEMPTS = 5

/** Opens (makes) an output file that is rotated by copy and truncate, so that the child never notices. */
export async function openOutputFile(path: string, options: OutputFileOptions = {}): Promise<OutputFile> {
  await mkdir(dirname(path), { recursive: true })
  return new RotatedFile(path, await open(path, 'a+', 0o640), options)
}

class RotatedFile implements OutputFile {
  readonly path: string
  readonly #handle: FileHandle
  readonly #maxBytes: number
  readonly #files: number
  readonly #onTrouble: (error: unknown) => void
  readonly #freezers = new Set<Freezer>()
  readonly #timer: NodeJS.Timeout
  #rotation: Promise<boolean> | undefined
  #failedHolds = 0
  #closed = false

  constructor(path: string, handle: FileHandle, options: OutputFileOptions) {
    this.path = path
    this.#handle = handle
    this.#maxBytes = options.maxBytes ?? limits.outputFileBytes
    this.#files = Math.max(2, options.files ?? limits.outputFiles)
    this.#onTrouble = options.onTrouble ?? (() => undefined)
    this.#timer = setInterval(() => void this.rotateIfNeeded(), options.checkMs ?? limits.outputCheckMs)
    this.#timer.unref()
  }

  get descriptor(): number {
    return this.#handle.fd
  }

  attach(freezer: Freezer): () => void {
    this.#freezers.add(freezer)
    return () => this.#freezers.delete(freezer)
  }

  rotateIfNeeded(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    this.#rotation ??= this.#rotate().finally(() => {
      this.#rotation = undefined
    })
    return this.#rotation
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    await this.#rotation
    await this.#handle.close()
  }

  async #rotate(): Promise<boolean> {
    const copyPath = `${this.path}.rotating`
    try {
      if ((await this.#handle.stat()).size < this.#maxBytes) return false
      const copied = await this.#copyMost(copyPath)
      const done = this.#hold(() => this.#finish(copyPath, copied))
      if (!done) await rm(copyPath, { force: true })
      return done
    } catch (error) {
      this.#onTrouble(error)
      // No file could be opened: nothing was copied, and room on the disk would not help.
      if (isDescriptorShortage(error)) return false
      // Most often a full disk: what is oldest goes first, what is newest stays.
      try {
        await rm(copyPath, { force: true })
        this.#prune(this.#files - 1)
      } catch (second) {
        // Its writer may have taken our rights to the folder: that costs its output, not us.
        this.#onTrouble(second)
      }
      return false
    }
  }

  /** Copies beside the running writers until little is left; gives the number of bytes copied. */
  async #copyMost(copyPath: string): Promise<number> {
    const buffer = Buffer.allocUnsafe(COPY_BYTES)
    const target = await open(copyPath, 'w', 0o640)
    try {
      let copied = 0
      for (let round = 0; round < CATCH_UP_ROUNDS; round++) {
        const { size } = await this.#handle.stat()
        if (round > 0 && size - copied <= HELD_BYTES) break
        while (copied < size) {
          const length = Math.min(buffer.length, size - copied)
          const { bytesRead } = await this.#handle.read(buffer, 0, length, copied)
          if (bytesRead === 0) break
          await target.appendFile(buffer.subarray(0, bytesRead))
          copied += bytesRead
        }
      }
      return copied
    } finally {
      await target.close()
    }
  }

  #hold(action: () => void): boolean {
    if (this.#failedHolds >= HOLD_ATTEMPTS) {
      this.#failedHolds = 0
      action()
      return true
    }
    let run = () => {
      action()
      return true
    }
    for (const freezer of this.#freezers) {
      const inner = run
      run = () => {
        let done = false
        return (
          freezer(() => {
            done = inner()
          }) && done
        )
      }
    }
    const done = run()
    this.#failedHolds = done ? 0 : this.#failedHolds + 1
    return done
  }

  /**
   * The rest of the copy, then the change of names, in one turn: readers in this process see it before or after. A
   * crash in between leaves a part twice, never none.
   */
  #finish(copyPath: string, alreadyCopied: number): void {
    const { fd } = this.#handle
    const target = openSync(copyPath, 'a')
    try {
      let copied = alreadyCopied
      const buffer = Buffer.allocUnsafe(HELD_BYTES)
      while (copied < fstatSync(fd).size) {
        const length = readSync(fd, buffer, 0, buffer.length, copied)
        for (let written = 0; written < length; ) {
          written += writeSync(target, buffer, written, length - written)
        }
        copied += length
      }
    } finally {
      closeSync(target)
    }
    renameSync(copyPath, rotatedPath(this.path, liveStart(rotatedSegments(this.path))))
    ftruncateSync(fd, 0)
    this.#prune(this.#files - 1)
  }

  #prune(keep: number): void {
    const rotated = rotatedSegments(this.path)
    // The newest always stays: its name carries the offset on.
    for (const { path } of rotated.slice(0, Math.max(0, rotated.length - Math.max(1, keep)))) {
      rmSync(path, { force: true })
    }
  }
}
