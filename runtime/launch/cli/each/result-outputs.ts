import { access, constants, mkdir } from 'node:fs/promises'
import { pathError } from '../named-path.js'
import type { Outputs } from './outputs.js'
import { type CommandPart, PartFiles } from './part-files.js'
import type { CommandEnd } from './report.js'
import { type ResultFiles, resultFiles, writeResult } from './results.js'

/** The output of each command in files of its own, below one folder. Parts are there while it runs. */
export class ResultOutputs implements Outputs {
  readonly #parts = new PartFiles()
  readonly #folder: string
  readonly #sources: number

  constructor(folder: string, sources: number) {
    this.#folder = folder
    this.#sources = sources
  }

  /** A wrong folder is said before any command runs. Throws PATH_NOT_FOUND, FILE_DENIED, DISK_FULL. */
  static async make(folder: string): Promise<void> {
    try {
      await mkdir(folder, { recursive: true })
      await access(folder, constants.W_OK)
    } catch (cause) {
      throw pathError('--results', folder, cause)
    }
  }

  async part(part: CommandPart): Promise<void> {
    const files = resultFiles(this.#folder, this.#sources, part)
    await this.#written(files, async () => {
      await mkdir(files.folder, { recursive: true })
      await this.#parts.add(part, part.output === 0 ? files.stdout : files.stderr)
    })
  }

  async end(end: CommandEnd): Promise<void> {
    this.#parts.forget(end.number)
    const files = resultFiles(this.#folder, this.#sources, end)
    await this.#written(files, () => writeResult(files, end))
  }

  async #written(files: ResultFiles, write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (cause) {
      throw pathError('--results', files.folder.toString(), cause)
    }
  }

  skip(): void {}

  async rest(): Promise<void> {}

  async close(): Promise<void> {}
}
