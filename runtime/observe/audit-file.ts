import { rename } from 'node:fs/promises'
import { systemCodeOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { LineFile } from './line-file.js'
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
  /** It could not be written, and is again. So many lines were left out, which it says too. */
  readonly onLeftOut: (lines: number) => void
  /** Somebody removed the file or put another in its place. Lines go on at its path. */
  readonly onReplaced: () => void
}

/**
 * Who did what, as JSON lines. One node is the one writer of its file. Lines are written in order and in the
 * background, so nothing waits for a disk. What the disk refuses, and what the memory cannot hold while the
 * disk does not answer, is left out, and the number of these lines is written.
 */
export class AuditFile {
  readonly #options: AuditFileOptions
  #waiting: string[] = []
  #leftOut = 0
  #writing: Promise<void> | undefined
  #file: LineFile | undefined
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
    // The disk may have room again, and nothing else would say what is missing.
    if (this.#leftOut > 0) await this.#writeSome([])
    await this.#release()
  }

  #line(fields: LogFields): string {
    return `${JSON.stringify({ at: new Date(this.#options.wallMs()).toISOString(), ...fields })}\n`
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0)
      await this.#writeSome(this.#waiting.splice(0, innerLimits.auditLinesAtOnce))
  }

  async #writeSome(lines: readonly string[]): Promise<void> {
    // More may be left out while these are written.
    const missing = this.#leftOut
    const all = missing > 0 ? [...lines, this.#line({ event: 'left out', lines: missing })] : lines
    const written = await this.#append(all)
    this.#leftOut += Math.max(0, lines.length - written)
    if (missing === 0 || written < all.length) return
    this.#leftOut -= missing
    this.#options.onLeftOut(missing)
  }

  /** Returns how many lines are in the file. */
  async #append(lines: readonly string[]): Promise<number> {
    let written = 0
    try {
      const file = await this.#fileFor(lines)
      const { lines: taken, error } = await file.append(lines)
      written = taken
      if (error !== undefined) throw error
      this.#isInTrouble = false
    } catch (error) {
      if (!this.#isInTrouble) this.#options.onTrouble(error)
      this.#isInTrouble = true
      await this.#release().catch(() => undefined)
    }
    return written
  }

  async #fileFor(lines: readonly string[]): Promise<LineFile> {
    const { path, maxBytes, onReplaced } = this.#options
    if (this.#file && !(await this.#file.isInPlace())) {
      await this.#release()
      onReplaced()
    }
    this.#file ??= await LineFile.open(path)
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
    if (this.#file.bytes > 0 && this.#file.bytes + bytes > maxBytes) await this.#rotate()
    return this.#file
  }

  async #rotate(): Promise<void> {
    const { path, files } = this.#options
    await this.#release()
    for (let number = files - 1; number > 0; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`
      await rename(from, `${path}.${number}`).catch((error: unknown) => {
        if (systemCodeOf(error) !== 'ENOENT') throw error
      })
    }
    this.#file = await LineFile.open(path)
  }

  async #release(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}
