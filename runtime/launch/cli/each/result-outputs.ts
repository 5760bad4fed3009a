import { mkdir } from 'node:fs/promises'
import type { Outputs } from './outputs.js'
import { type CommandPart, PartFiles } from './part-files.js'
import type { CommandEnd } from './report.js'
import { resultFiles, writeResult } from './results.js'

/** The output of each command in files of its own, below one folder. Parts are there while it runs. */
export class ResultOutputs implements Outputs {
  readonly #parts = new PartFiles()
  readonly #folder: string
  readonly #sources: number

  constructor(folder: string, sources: number) {
    this.#folder = folder
    this.#sources = sources
  }

  async part(part: CommandPart): Promise<void> {
    const files = resultFiles(this.#folder, this.#sources, part)
    await mkdir(files.folder, { recursive: true })
    await this.#parts.add(part, part.output === 0 ? files.stdout : files.stderr)
  }

  async end(end: CommandEnd): Promise<void> {
    this.#parts.forget(end.number)
    await writeResult(resultFiles(this.#folder, this.#sources, end), end)
  }

  skip(): void {}

  async rest(): Promise<void> {}

  async close(): Promise<void> {}
}
