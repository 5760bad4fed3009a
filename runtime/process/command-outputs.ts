import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The files that take what one command writes, or the named pipes in their place. */
export interface OutputPaths {
  readonly stdout: string
  readonly stderr: string
}

/** In bytes. */
export interface OutputSizes {
  readonly stdout: number
  readonly stderr: number
}

const names = ['stdout', 'stderr'] as const

/**
 * A folder for the outputs of one command after the other. Each has files of its own, so that a process which
 * a command left behind unseen can never write into the output of the next one. An empty file of a command
 * that certainly left no process is used again: to make and remove files costs some file systems more than a
 * command.
 */
export class CommandOutputs {
  readonly folder = mkdtempSync(join(tmpdir(), 'firesteel-each-'))
  #next = 1
  #empty: Partial<OutputPaths> = {}

  /** For files. */
  next(): OutputPaths {
    const paths = { ...this.fresh(), ...this.#empty }
    this.#empty = {}
    return paths
  }

  /** Where nothing is yet. */
  fresh(): OutputPaths {
    const path = join(this.folder, String(this.#next++))
    return { stdout: `${path}.stdout`, stderr: `${path}.stderr` }
  }

  discard(paths: OutputPaths): void {
    for (const name of names) removeFile(paths[name])
  }

  /** Like `discard`. Nothing can write into these files any more, and these are their sizes. */
  free(paths: OutputPaths, sizes: OutputSizes): void {
    for (const name of names) {
      if (sizes[name] === 0) this.#empty = { ...this.#empty, [name]: paths[name] }
      else removeFile(paths[name])
    }
  }

  /** Bytes that a command has written so far. */
  sizes({ stdout, stderr }: OutputPaths): OutputSizes {
    return { stdout: sizeOf(stdout), stderr: sizeOf(stderr) }
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
