import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The files that take what one command writes, or the named pipes in their place. */
export interface OutputPaths {
  readonly stdout: string
  readonly stderr: string
}

/**
 * A folder for the outputs of one command after the other. Each has files of its own, so that a process which
 * a command left behind unseen can never write into the output of the next one.
 */
export class CommandOutputs {
  readonly folder = mkdtempSync(join(tmpdir(), 'firesteel-each-'))
  #next = 1

  next(): OutputPaths {
    const path = join(this.folder, String(this.#next++))
    return { stdout: `${path}.stdout`, stderr: `${path}.stderr` }
  }

  discard({ stdout, stderr }: OutputPaths): void {
    removeFile(stdout)
    removeFile(stderr)
  }

  /** Bytes that a command has written so far. */
  size({ stdout, stderr }: OutputPaths): number {
    return sizeOf(stdout) + sizeOf(stderr)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** It may not be there: the command was never started, or has removed it itself. */
function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** What a file has now, in pieces of at most `most` bytes. Nothing if it is not there. */
export function* readPieces(path: string, most: number): Generator<Uint8Array, void, undefined> {
  const size = sizeOf(path)
  if (size === 0) return
  const descriptor = openSync(path, 'r')
  try {
    for (let at = 0; at < size; ) {
      const bytes = new Uint8Array(Math.min(size - at, most))
      const count = readSync(descriptor, bytes, 0, bytes.length, at)
      if (count === 0) return
      at += count
      yield count === bytes.length ? bytes : bytes.subarray(0, count)
    }
  } finally {
    closeSync(descriptor)
  }
}
