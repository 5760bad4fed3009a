import {
  close,
  constants,
  fstat,
  fstatSync,
  ftruncateSync,
  lstatSync,
  read,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { isDescriptorShortage } from './descriptors.js'
import { leftOut, liveStart, rotatedPath, rotatedSegments } from './output-segments.js'
import { openPlain } from './plain-file.js'

/** Runs a synchronous action while no writer runs; false, and not done, when they could not be held. */
export type Freezer = (action: () => void) => boolean

export interface OutputFileOptions {
  /** Size at which the file is rotated. */
  readonly maxBytes?: number
  /** Files kept in all, the live one among them; at least 2. */
  readonly files?: number
  readonly checkMs?: number
  /** The folder that nothing may lead out of; default: that of the file. */
  readonly within?: string
  /** A rotation failed; the file goes on growing and it is tried again. */
  readonly onDegraded?: (error: unknown) => void
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

const COPY_BYTES = innerLimits.rotateCopyBytes
const HELD_BYTES = innerLimits.rotateHeldBytes
const CATCH_UP_ROUNDS = innerLimits.rotateRounds
const HOLD_ATTEMPTS = innerLimits.rotateAttempts

/**
 * Opens (makes) an output file that is rotated by copy and truncate, so that the child never notices. What an earlier
 * writer has put in its place, such as a link to another file, is removed. Throws NotPlain where a folder on the way
 * leads elsewhere.
 */
export async function openOutputFile(path: string, options: OutputFileOptions = {}): Promise<OutputFile> {
  await mkdir(dirname(path), { recursive: true })
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found && (!found.isFile() || found.nlink > 1)) rmSync(path, { recursive: true, force: true })
  return new RotatedFile(path, openPlain(path, options.within ?? dirname(path), 'a'), options)
}

const statOf = promisify(fstat)
const readFrom = promisify(read)
const closeOf = promisify(close)

/** Nothing that stands there already is written to. */
const COPY_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

class RotatedFile implements OutputFile {
  readonly path: string
  readonly descriptor: number
  readonly #maxBytes: number
  readonly #files: number
  readonly #onDegraded: (error: unknown) => void
  readonly #freezers = new Set<Freezer>()
  readonly #timer: NodeJS.Timeout
  #rotation: Promise<boolean> | undefined
  #failedHolds = 0
  #closed = false

  constructor(path: string, descriptor: number, options: OutputFileOptions) {
    this.path = path
    this.descriptor = descriptor
    this.#maxBytes = options.maxBytes ?? limits.outputFileBytes
    this.#files = Math.max(2, options.files ?? limits.outputFiles)
    this.#onDegraded = options.onDegraded ?? (() => undefined)
    this.#timer = setInterval(() => void this.rotateIfNeeded(), options.checkMs ?? limits.outputCheckMs)
    this.#timer.unref()
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
    await closeOf(this.descriptor)
  }

  async #rotate(): Promise<boolean> {
    const copyPath = `${this.path}.rotating`
    try {
      if ((await statOf(this.descriptor)).size < this.#maxBytes) return false
      await rm(copyPath, { recursive: true, force: true })
      const target = await open(copyPath, COPY_FLAGS, 0o640)
      try {
        const copied = await this.#copyMost(target)
        const done = this.#hold(() => this.#finish(copyPath, target.fd, copied))
        if (!done) await rm(copyPath, { force: true })
        return done
      } finally {
        await target.close()
      }
    } catch (error) {
      this.#onDegraded(error)
      // No file could be opened: nothing was copied, and room on the disk would not help.
      if (isDescriptorShortage(error)) return false
      // Most often a full disk: what is oldest goes first, what is newest stays.
      try {
        await rm(copyPath, { recursive: true, force: true })
        this.#prune(this.#files - 1)
      } catch (second) {
        // Its writer may have taken our rights to the folder: that costs its output, not us.
        this.#onDegraded(second)
      }
      return false
    }
  }

  /** Copies beside the running writers until little is left; gives the number of bytes copied or left out. Zeros stay holes. */
  async #copyMost(target: FileHandle): Promise<number> {
    const buffer = Buffer.allocUnsafe(COPY_BYTES)
    const zeros = Buffer.alloc(COPY_BYTES)
    let copied = 0
    for (let round = 0; round < CATCH_UP_ROUNDS; round++) {
      const stat = await statOf(this.descriptor)
      const { size } = stat
      copied = Math.max(copied, leftOut(stat, this.#maxBytes))
      if (round > 0 && size - copied <= HELD_BYTES) break
      while (copied < size) {
        const length = Math.min(buffer.length, size - copied)
        const { bytesRead } = await readFrom(this.descriptor, buffer, 0, length, copied)
        if (bytesRead === 0) break
        const isHole = buffer.compare(zeros, 0, bytesRead, 0, bytesRead) === 0
        if (!isHole) await target.write(buffer, 0, bytesRead, copied)
        copied += bytesRead
      }
    }
    return copied
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
  #finish(copyPath: string, target: number, alreadyCopied: number): void {
    const fd = this.descriptor
    let copied = Math.max(alreadyCopied, leftOut(fstatSync(fd), this.#maxBytes))
    const buffer = Buffer.allocUnsafe(HELD_BYTES)
    while (copied < fstatSync(fd).size) {
      const length = readSync(fd, buffer, 0, buffer.length, copied)
      if (length === 0) break
      for (let written = 0; written < length; ) {
        written += writeSync(target, buffer, written, length - written, copied + written)
      }
      copied += length
    }
    // As long as the original, so that what comes after it keeps its place, whatever was left out.
    ftruncateSync(target, copied)
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
