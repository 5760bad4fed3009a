import type { CodeDisk } from './code-disk.js'
import type { Written, WrittenPiece } from './disk/draft-files.js'
import type { Manifest } from './manifest.js'

/** One code that is being made. Its files are written by the thread for them. */
export class CodeDraft {
  readonly manifest: Manifest
  readonly #disk: CodeDisk
  readonly #draft: number
  readonly #release: () => void
  /** Places of what is not there yet, each content once. */
  readonly #lacking = new Set<number>()

  private constructor(disk: CodeDisk, manifest: Manifest) {
    this.#disk = disk
    this.manifest = manifest
    const { number, release } = disk.use()
    this.#draft = number
    this.#release = release
  }

  /** Makes its folder below `root`. Rejects with DISK_FULL, FILE_DENIED. */
  static async begin(disk: CodeDisk, root: string, manifest: Manifest): Promise<CodeDraft> {
    const draft = new CodeDraft(disk, manifest)
    try {
      await disk.run('begin', [draft.#draft, root, manifest.id, manifest.text])
      return draft
    } catch (error) {
      draft.#release()
      throw error
    }
  }

  /** In the order of the manifest. */
  get lacking(): number[] {
    return [...this.#lacking].sort((a, b) => a - b)
  }

  /** Takes what this machine has, and checks it. What it lacks must be received. */
  async fill(others: readonly string[], localRoot: string | undefined): Promise<void> {
    for (const place of await this.#disk.run('fill', [this.#draft, others, localRoot]))
      this.#lacking.add(place)
  }

  /** Writes pieces of files that are lacking. The bytes are given away. */
  async write(pieces: readonly WrittenPiece[], bytes: Uint8Array<ArrayBuffer>): Promise<Written> {
    const written = await this.#disk.run('write', [this.#draft, pieces, bytes], [bytes.buffer])
    for (const place of written.done) this.#lacking.delete(place)
    return written
  }

  /** These files, or all that are not whole, will not come from where they began to. */
  drop(places?: readonly number[]): Promise<void> {
    return this.#disk.run('drop', [this.#draft, places])
  }

  /** Every file is there, and it goes to its place. Rejects with DISK_FULL, FILE_DENIED. */
  async seal(target: string, boot: string): Promise<void> {
    await this.#disk.run('seal', [this.#draft, target, boot])
    this.#release()
  }

  async abandon(): Promise<void> {
    try {
      await this.#disk.run('abandon', [this.#draft])
    } finally {
      this.#release()
    }
  }
}
