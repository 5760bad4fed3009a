import {
  close,
  constants,
  fchownSync,
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
import type { Owner } from './run-as.js'

/**
 * Runs a synchronous action while no writer runs. False, with nothing done, if the writers could not be
 * stopped.
 */
export type Freezer = (action: () => void) => boolean

export interface OutputFileOptions {
  /** Size at which the file is rotated. */
  readonly maxBytes?: number
  /** Files that are kept in all, the live one included; at least 2. */
  readonly files?: number
  readonly checkMs?: number
  /** The folder that no path may lead out of. Default: that of the file. */
  readonly within?: string
  /** Whose file it is; absent: ours. */
  readonly owner?: Owner | undefined
  /** A rotation failed. The file grows on, and the rotation is tried again. */
  readonly onDegraded?: (error: unknown) => void
}

/** Where the stdout or stderr of a child goes. */
export interface OutputFile {
  readonly path: string
  /** Append mode: after a truncation the child writes at the new end, and not behind a hole. */
  readonly descriptor: number
  /** Adds a writer that can be stopped. Returns the function that removes it. */
  attach(freezer: Freezer): () => void
  /** Checks the size now instead of at the next tick. True if the file was rotated. */
  rotateIfNeeded(): Promise<boolean>
  close(): Promise<void>
}

const COPY_BYTES = innerLimits.rotateCopyBytes
/** Bytes that are copied while the writers are stopped: about a tenth of a millisecond. */
const HELD_BYTES = innerLimits.rotateHeldBytes
const CATCH_UP_ROUNDS = innerLimits.rotateRounds
/** After so many failures to stop the writers, losing a line is better than filling the disk. */
const HOLD_ATTEMPTS = innerLimits.rotateAttempts

/**
 * Opens or makes an output file that is rotated by copy and truncate, so that the child never notices. If an
 * earlier writer replaced it, for example by a link to another file, that is removed. Throws NotPlain if a
 * folder on the path leads elsewhere.
 */
export async function openOutputFile(path: string, options: OutputFileOptions = {}): Promise<OutputFile> {
  await mkdir(dirname(path), { recursive: true })
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found && (!found.isFile() || found.nlink > 1)) rmSync(path, { recursive: true, force: true })
  const descriptor = openPlain(path, options.within ?? dirname(path), 'a')
  if (options.owner) fchownSync(descriptor, options.owner.uid, options.owner.gid)
  return new RotatedFile(path, descriptor, options)
}

/** An output that this process only knows by its name. */
export const unwatchedOutput = (path: string): OutputFile => ({
  path,
  descriptor: -1,
  attach: () => () => undefined,
  rotateIfNeeded: () => Promise.resolve(false),
  close: () => Promise.resolve(),
})

const statOf = promisify(fstat)
const readFrom = promisify(read)
const closeOf = promisify(close)

/** Never write to a file that exists already. */
const COPY_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

class RotatedFile implements OutputFile {
  readonly path: string
  readonly descriptor: number
  readonly #maxBytes: number
  readonly #files: number
  readonly #owner: Owner | undefined
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
    this.#owner = options.owner
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
      const target = await open(copyPath, COPY_FLAGS, 0o600)
      try {
        if (this.#owner) await target.chown(this.#owner.uid, this.#owner.gid)
        const copied = await this.#copyMost(target)
        const done = this.#hold(() => this.#finish(copyPath, target.fd, copied))
        if (!done) await rm(copyPath, { force: true })
        return done
      } finally {
        await target.close()
      }
    } catch (error) {
      this.#onDegraded(error)
      // No file could be opened. Nothing was copied, and free space on the disk would not help.
      if (isDescriptorShortage(error)) return false
      // Mostly a full disk: the oldest part is dropped, the newest stays.
      try {
        await rm(copyPath, { recursive: true, force: true })
        this.#prune(this.#files - 1)
      } catch (second) {
        // Its writer may have taken our rights to the folder. That costs the writer its output, and us
        // nothing.
        this.#onDegraded(second)
      }
      return false
    }
  }

  /**
   * Copies while the writers run, until little is left. Returns the number of bytes that were copied or left
   * out. Zeros stay holes.
   */
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
   * Copies the rest and changes the names in one turn, so that readers in this process see the state before
   * or after. A crash in between leaves a part twice, never none.
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
    // As long as the original, so that later parts keep their place, whatever was left out.
    ftruncateSync(target, copied)
    renameSync(copyPath, rotatedPath(this.path, liveStart(rotatedSegments(this.path))))
    ftruncateSync(fd, 0)
    this.#prune(this.#files - 1)
  }

  #prune(keep: number): void {
    const rotated = rotatedSegments(this.path)
    // The newest one always stays, because its name carries the offset on.
    for (const { path } of rotated.slice(0, Math.max(0, rotated.length - Math.max(1, keep)))) {
      rmSync(path, { force: true })
    }
  }
}
