import { appendFile, mkdtemp, open, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { innerLimits } from '../../../inner-limits.js'
import type { Arguments } from './records.js'

/** Bytes of output `output` (0: standard output, 1: standard error) that came before the end of a command. */
export interface OutputOf {
  /** The number of the command. */
  readonly number: number
  readonly output: number
}

export interface OutputPiece extends OutputOf {
  /** Names the attempt: what an attempt before it has put out is of no use any more. */
  readonly attempt: string
  readonly bytes: Uint8Array
}

export interface CommandPart extends OutputPiece {
  readonly args: Arguments
}

/** Files for output that comes in parts. The first part of a further attempt begins its file anew. */
export class PartFiles {
  readonly #attempts = new Map<string, string>()

  async add({ number, output, attempt, bytes }: OutputPiece, path: string | Buffer): Promise<void> {
    const key = `${number}.${output}`
    const isFirst = this.#attempts.get(key) !== attempt
    this.#attempts.set(key, attempt)
    await (isFirst ? writeFile(path, bytes) : appendFile(path, bytes))
  }

  forget(number: number): void {
    for (const output of [0, 1]) this.#attempts.delete(`${number}.${output}`)
  }
}

/**
 * Output that waits to be printed, in files of a folder of this machine. So what waits takes no memory,
 * however much it is.
 */
export class Spool {
  readonly #files = new PartFiles()
  #folder: Promise<string> | undefined

  async add(part: OutputPiece): Promise<void> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'firesteel-each-'))
    await this.#files.add(part, await this.#path(part))
  }

  async #path({ number, output }: OutputOf): Promise<string> {
    return join((await this.#folder) ?? '', `${number}.${output}`)
  }

  /** Reads what waits, piece by piece, and removes it. */
  async *take(of: OutputOf): AsyncGenerator<Uint8Array> {
    if (this.#folder === undefined) return
    const path = await this.#path(of)
    const file = await open(path).catch(missing)
    if (file === undefined) return
    try {
      for (;;) {
        const bytes = Buffer.allocUnsafeSlow(innerLimits.eachPrintBytes)
        const { bytesRead } = await file.read(bytes, 0, bytes.length)
        if (bytesRead === 0) break
        yield bytes.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
      await unlink(path)
    }
    this.#files.forget(of.number)
  }

  async close(): Promise<void> {
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true })
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
