import { isDiskFull } from '../../errors.js'
import { type FileOps, synced, type WritableFile } from './file-ops.js'
import { encodeHead, type Head } from './payload.js'

/** Appends whole blocks. Each is durable when `append` resolves. */
export class Journal {
  readonly #file: WritableFile
  #endBytes: number

  private constructor(file: WritableFile, endBytes: number) {
    this.#file = file
    this.#endBytes = endBytes
  }

  /** The caller must make its entry in the folder durable. */
  static async create(files: FileOps, path: string, head: Head): Promise<Journal> {
    const file = await files.create(path)
    try {
      const block = encodeHead(head)
      await file.write(block, 0)
      await synced(file.sync())
      return new Journal(file, block.byteLength)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#endBytes
  }

  /**
   * `full`: the disk is full, and the journal was cut back to its last whole block. Throws SyncFailed, or the
   * error of a write that could not be undone; nothing may be appended after that.
   */
  async append(block: Buffer): Promise<'ok' | 'full'> {
    try {
      await this.#file.write(block, this.#endBytes)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      await this.#file.truncate(this.#endBytes)
      return 'full'
    }
    await synced(this.#file.dataSync())
    this.#endBytes += block.byteLength
    return 'ok'
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
