import { type FileHandle, open } from 'node:fs/promises'

/** How far the work has come. */
export interface Progress {
  /** The generation of the driver that wrote it. It is the fencing token. */
  readonly generation: number
  /** Number of finished steps. */
  readonly step: number
  readonly total: number
}

const NOTHING: Progress = { generation: 0, step: 0, total: 0 }

/**
 * Computes the state from the lines of a journal. A line whose generation is below that of an earlier one
 * does not count: a driver wrote it that had been replaced and did not know it yet. The file is only appended
 * to, so all incarnations agree on the order of its lines without a lock.
 */
export function progressOf(text: string): Progress {
  let progress = NOTHING
  for (const line of text.split('\n')) {
    const next = parsed(line)
    if (next !== undefined && next.generation >= progress.generation) progress = next
  }
  return progress
}

/** Undefined for an incomplete line, which a crash or a power cut can leave behind. */
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

/** The file in which a driver notes what it has done, over all its incarnations. */
export class Journal implements AsyncDisposable {
  readonly #handle: FileHandle
  /** Undefined: outside a cluster each incarnation takes the next higher generation. */
  readonly #given: number | undefined
  #generation = 0

  private constructor(handle: FileHandle, generation: number | undefined) {
    this.#handle = handle
    this.#given = generation
  }

  static async open(path: string, generation: number | undefined): Promise<Journal> {
    return new Journal(await open(path, 'a+'), generation)
  }

  /** Takes over: from now on lines of older incarnations do not count. Throws Superseded. */
  async claim(): Promise<Progress> {
    const found = await this.#read()
    this.#generation = this.#given ?? found.generation + 1
    // Another incarnation may write between the read and the append. What it wrote then counts.
    await this.record(found)
    return await this.#read()
  }

  /** Adds progress. If the file has a higher generation, it adds nothing and throws Superseded. */
  async record({ step, total }: Pick<Progress, 'step' | 'total'>): Promise<void> {
    const { generation } = await this.#read()
    if (generation > this.#generation) {
      throw new Superseded(`generation ${generation} works on this; generation ${this.#generation} leaves`)
    }
    // The text begins with a line end, so that an incomplete line of an earlier incarnation does not swallow
    // it.
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
