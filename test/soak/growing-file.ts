import { open } from 'node:fs/promises'

const AT_ONCE_BYTES = 1024 * 1024

/** A file to which processes append lines. Each read continues where the last one ended. */
export class GrowingFile {
  readonly path: string
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.path = path
  }

  /** Whole lines since the last read. Empty if there is no file. */
  async read(): Promise<string[]> {
    const lines: string[] = []
    const file = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (!file) return lines
    const block = Buffer.alloc(AT_ONCE_BYTES)
    try {
      for (;;) {
        const { bytesRead } = await file.read(block, 0, block.length, this.#offset)
        if (bytesRead === 0) return lines
        this.#offset += bytesRead
        const parts = (this.#rest + block.toString('utf8', 0, bytesRead)).split('\n')
        this.#rest = parts.pop() ?? ''
        for (const part of parts) lines.push(part)
      }
    } finally {
      await file.close()
    }
  }
}
