import { type FileHandle, open } from 'node:fs/promises'

/** What the work has come to. */
export interface Progress {
  /** Which incarnation of the driver wrote it: the fencing token. */
  readonly generation: number
  /** Steps done. */
  readonly step: number
  readonly total: number
}

const NOTHING: Progress = { generation: 0, step: 0, total: 0 }

/**
 * The state that the lines of a journal come to. A line whose generation is below that of an earlier one does not
 * count: it was written by a driver that had been replaced and did not know it yet. Because the file is only ever
 * appended to, the order of its lines is the truth that all incarnations agree on, without a lock.
 */
export function progressOf(text: string): Progress {
  let progress = NOTHING
  for (const line of text.split('\n')) {
    const next = parsed(line)
    if (next !== undefined && next.generation >= progress.generation) progress = next
  }
  return progress
}

/** Undefined for half a line, as a crash or a power cut leaves behind. */
function parsed(line: string): Progress | undefined {
  try {
    const { generation, step, total } = JSON.parse(line) as Progress
    if (![generation, step, total].every(Number.isSafeInteger)) return undefined
    return { generation, step, total }
  } catch {
    return undefined
  }
}

/** This driver was replaced by a newer incarnation of itself. */
export class Superseded extends Error {}

/** The file in which a driver remembers what it has done, over all its lives. */
export class Journal implements AsyncDisposable {
  readonly #handle: FileHandle
  /** Undefined: outside a cluster there is one incarnation after the other, each above the last. */
  readonly #given: number | undefined
  #generation = 0

  private constructor(handle: FileHandle, generation: number | undefined) {
    this.#handle = handle
    this.#given = generation
  }

  static async open(path: string, generation: number | undefined): Promise<Journal> {
    return new Journal(await open(path, 'a+'), generation)
  }

  /** Takes over: from now on no older incarnation can add anything that counts. Throws Superseded. */
  async claim(): Promise<Progress> {
    const found = await this.#read()
    this.#generation = this.#given ?? found.generation + 1
    // Another one may write between the look and the append; what it wrote is what counts then.
    await this.record(found)
    return await this.#read()
  }

  /** Adds progress. Throws Superseded, and adds nothing, behind a higher generation. */
  async record({ step, total }: Pick<Progress, 'step' | 'total'>): Promise<void> {
    const { generation } = await this.#read()
    if (generation > this.#generation) {
      throw new Superseded(`generation ${generation} works on this; generation ${this.#generation} leaves`)
    }
    // It begins with a line end: a torn line of an earlier life must not swallow this one.
    await this.#handle.appendFile(`\n${JSON.stringify({ generation: this.#generation, step, total })}\n`)
    await this.#handle.datasync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  async #read(): Promise<Progress> {
    const { size } = await this.#handle.stat()
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(size), 0, size, 0)
    return progressOf(buffer.toString('utf8', 0, bytesRead))
  }
}
