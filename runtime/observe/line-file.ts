import { Buffer } from 'node:buffer'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCodeOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

/** Only its owner reads it. A link in its place is not followed. */
const MODE = 0o600
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
const LINE_BREAK = 10

/** How many lines of a list are in the file, and why not all. */
export interface AppendedLines {
  readonly lines: number
  readonly error?: unknown
}

/**
 * An open file of lines, which this process alone writes. A full disk takes a part of a line, and so does a
 * process that is killed. That part is cut off, so that each line of the file is whole.
 */
export class LineFile {
  readonly #path: string
  readonly #handle: FileHandle
  #bytes = 0

  private constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#handle = handle
  }

  static async open(path: string): Promise<LineFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = new LineFile(path, await open(path, FLAGS, MODE))
    try {
      await file.#cut(await file.#wholeBytes())
    } catch (error) {
      await file.close()
      throw error
    }
    return file
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False: somebody has removed this file, or another is in its place. */
  async isInPlace(): Promise<boolean> {
    const [there, own] = await Promise.all([lstat(this.#path).catch(gone), this.#handle.stat()])
    // It may have been emptied.
    this.#bytes = own.size
    return there?.ino === own.ino && there.dev === own.dev
  }

  /** Each line ends with its line break. */
  async append(lines: readonly string[]): Promise<AppendedLines> {
    const data = Buffer.from(lines.join(''))
    const before = this.#bytes
    let written = 0
    try {
      while (written < data.length) written += (await this.#handle.write(data, written)).bytesWritten
      this.#bytes += written
      return { lines: lines.length }
    } catch (error) {
      const whole = data.subarray(0, written).lastIndexOf(LINE_BREAK) + 1
      // If that fails too, it is cut off when the file is opened again.
      await this.#cut(before + whole).catch(() => undefined)
      return { lines: data.subarray(0, whole).filter((byte) => byte === LINE_BREAK).length, error }
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async #cut(bytes: number): Promise<void> {
    if ((await this.#handle.stat()).size > bytes) await this.#handle.truncate(bytes)
    this.#bytes = bytes
  }

  /** Up to its last line break. */
  async #wholeBytes(): Promise<number> {
    const chunk = Buffer.alloc(innerLimits.auditTailBytes)
    for (let to = (await this.#handle.stat()).size; to > 0; ) {
      const from = Math.max(0, to - chunk.length)
      const { bytesRead } = await this.#handle.read(chunk, 0, to - from, from)
      const at = chunk.subarray(0, bytesRead).lastIndexOf(LINE_BREAK)
      if (at >= 0) return from + at + 1
      to = from
    }
    return 0
  }
}

function gone(error: unknown): Stats | undefined {
  if (systemCodeOf(error) === 'ENOENT') return undefined
  throw error
}
