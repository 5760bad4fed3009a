import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { innerLimits } from '../inner-limits.js'
import type { LogFields } from './log.js'

export interface AuditFileOptions {
  /** Absolute. Full files are kept as `PATH.1` and so on, the newest with the lowest number. */
  readonly path: string
  readonly maxBytes: number
  /** So many files in all. */
  readonly files: number
  readonly wallMs: () => number
  /** It cannot be written: told once, until it can be again. */
  readonly onTrouble: (error: unknown) => void
}

/** Only its owner reads it. A link in its place is not followed. */
const MODE = 0o600
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

/**
 * Who did what, as JSON lines. One node is the one writer of its file. Lines are written in order and in the
 * background, so nothing waits for a disk; what the memory cannot hold while the disk does not answer is left
 * out, and their number is written.
 */
export class AuditFile {
  readonly #options: AuditFileOptions
  #waiting: string[] = []
  #leftOut = 0
  #writing: Promise<void> | undefined
  #file: FileHandle | undefined
  #bytes = 0
  #isInTrouble = false

  constructor(options: AuditFileOptions) {
    this.#options = options
  }

  write(fields: LogFields): void {
    if (this.#waiting.length >= innerLimits.auditLines) this.#leftOut++
    else this.#waiting.push(this.#line(fields))
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  /** Resolves when all is written that can be. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file?.close()
    this.#file = undefined
  }

  #line(fields: LogFields): string {
    return `${JSON.stringify({ at: new Date(this.#options.wallMs()).toISOString(), ...fields })}\n`
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0, innerLimits.auditLinesAtOnce)
      if (this.#leftOut > 0) lines.push(this.#line({ event: 'left out', lines: this.#leftOut }))
      try {
        await this.#append(Buffer.from(lines.join('')))
        this.#leftOut = 0
        this.#isInTrouble = false
      } catch (error) {
        this.#leftOut += lines.length
        await this.#file?.close().catch(() => undefined)
        this.#file = undefined
        if (!this.#isInTrouble) this.#options.onTrouble(error)
        this.#isInTrouble = true
      }
    }
  }

  async #append(data: Buffer): Promise<void> {
    this.#file ??= await this.#open()
    if (this.#bytes > 0 && this.#bytes + data.length > this.#options.maxBytes) await this.#rotate()
    await this.#file.appendFile(data)
    this.#bytes += data.length
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(path, FLAGS, MODE)
    this.#bytes = (await file.stat()).size
    return file
  }

  async #rotate(): Promise<void> {
    const { path, files } = this.#options
    await this.#file?.close()
    this.#file = undefined
    for (let number = files - 1; number > 0; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`
      await rename(from, `${path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    }
    this.#file = await this.#open()
  }
}
