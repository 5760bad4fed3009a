import { closeSync, mkdtempSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** The files that take what one command writes. */
export interface OutputPaths {
  readonly stdout: string
  readonly stderr: string
}

export interface Output {
  /** All of it, or its beginning if it was more than the limit. */
  readonly bytes: Uint8Array
  /** Where the whole is, if it was more than the limit. */
  readonly file: string | null
}

const NOTHING = new Uint8Array(0)

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

  /**
   * Reads an output and removes its file. One of more than `most` bytes is moved beside the folder, and
   * stays.
   */
  take(path: string, most: number): Output {
    const size = sizeOf(path)
    if (size === 0) {
      removeFile(path)
      return { bytes: NOTHING, file: null }
    }
    const bytes = readStart(path, Math.min(size, most))
    if (size <= most) {
      removeFile(path)
      return { bytes, file: null }
    }
    const file = join(dirname(this.folder), `${basename(this.folder)}-${basename(path)}`)
    renameSync(path, file)
    return { bytes, file }
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
const removeFile = (path: string): void => rmSync(path, { force: true })

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

function readStart(path: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const descriptor = openSync(path, 'r')
  try {
    for (let at = 0; at < size; ) {
      const count = readSync(descriptor, bytes, at, size - at, at)
      if (count === 0) return bytes.subarray(0, at)
      at += count
    }
    return bytes
  } finally {
    closeSync(descriptor)
  }
}
