import { type FileHandle, open, readFile } from 'node:fs/promises'

/** A page, or why there is none. */
export interface Row {
  readonly url: string
  readonly title?: string
  readonly bytes?: number
  readonly error?: string
}

/** The file with a line of JSON for each page. After a crash it goes on where it was. */
export class PagesFile implements AsyncDisposable {
  /** Pages that were there when it was opened. */
  readonly known: ReadonlySet<string>
  readonly #file: FileHandle
  #lines: string[] = []
  #written: Promise<void> = Promise.resolve()

  private constructor(file: FileHandle, known: ReadonlySet<string>) {
    this.#file = file
    this.known = known
  }

  static async open(path: string): Promise<PagesFile> {
    const text = await readFile(path, 'utf8').catch(() => '')
    const file = await open(path, 'a')
    // Whoever was killed while it wrote has left a line without its end. That page is read again.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    await file.truncate(Buffer.byteLength(whole))
    const lines = whole.split('\n').filter((line) => line !== '')
    return new PagesFile(file, new Set(lines.map((line) => (JSON.parse(line) as Row).url)))
  }

  /** Rows that come while the disk is busy are written together. */
  add(row: Row): Promise<void> {
    this.#lines.push(`${JSON.stringify(row)}\n`)
    if (this.#lines.length === 1) this.#written = this.#written.then(() => this.#write())
    return this.#written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#written
    await this.#file.close()
  }

  async #write(): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    await this.#file.appendFile(lines.join(''))
  }
}
