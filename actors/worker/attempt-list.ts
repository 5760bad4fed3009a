import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { seen } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { outputEnd } from '../../runtime/process/output-segments.js'
import { openPlain } from '../../runtime/process/plain-file.js'

/** Name of the list in the folder of a driver. */
export const ATTEMPTS = 'attempts'

export interface AttemptStart {
  readonly generation: number
  readonly attempt: number
  readonly atMs: number
}

/** A line of the list: an attempt, and where in the outputs it began. */
export interface WrittenAttempt extends AttemptStart {
  readonly stdout: number
  readonly stderr: number
}

/**
 * Notes that an attempt begins, and where its output will begin. The list outlives its Worker, as the outputs
 * do. When it is full, its older half is dropped.
 */
export function noteAttempt(folder: string, within: string, start: AttemptStart): void {
  const descriptor = openPlain(join(folder, ATTEMPTS), within, 'a')
  try {
    const { size } = fstatSync(descriptor)
    if (size >= limits.attemptListBytes) keepNewerHalf(descriptor, size)
    const endOf = (output: string) => outputEnd(join(folder, output))
    const line = JSON.stringify({ ...start, stdout: endOf('stdout'), stderr: endOf('stderr') })
    // A full disk may have taken a part of the line before.
    writeSync(descriptor, `${endsInLine(descriptor) ? '\n' : ''}${line}\n`)
  } finally {
    closeSync(descriptor)
  }
}

/** The list ends within a line. */
function endsInLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor)
  const last = Buffer.alloc(1)
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last.toString() !== '\n'
}

function keepNewerHalf(descriptor: number, size: number): void {
  const half = Buffer.alloc(Math.floor(size / 2))
  const length = readSync(descriptor, half, 0, half.length, size - half.length)
  const text = half.toString('utf8', 0, length)
  ftruncateSync(descriptor, 0)
  writeSync(descriptor, text.slice(text.indexOf('\n') + 1))
}

/** Where the output of one attempt ends: at the beginning of the next one. */
export class AttemptEnd {
  readonly #path: string
  readonly #within: string
  readonly #attempt: Omit<AttemptStart, 'atMs'>
  readonly #output: 'stdout' | 'stderr'
  #sizeSeen = -1
  #end: number | undefined

  /** `path` is the output beside the list. */
  constructor(
    path: string,
    within: string,
    attempt: Omit<AttemptStart, 'atMs'>,
    output: 'stdout' | 'stderr',
  ) {
    this.#path = join(dirname(path), ATTEMPTS)
    this.#within = within
    this.#attempt = attempt
    this.#output = output
  }

  /** Undefined: it is the newest one, or the list does not say. */
  look(): number | undefined {
    if (this.#end !== undefined) return this.#end
    const { generation, attempt } = this.#attempt
    const list = this.#newList()
    const index = list.findLastIndex((line) => line.generation === generation && line.attempt === attempt)
    const next = index < 0 ? undefined : list[index + 1]?.[this.#output]
    if (typeof next === 'number') this.#end = next
    return this.#end
  }

  /** Empty if it has not changed since the last look, or cannot be read. */
  #newList(): Partial<WrittenAttempt>[] {
    return readList(this.#path, this.#within, (size) => {
      if (size === this.#sizeSeen) return false
      this.#sizeSeen = size
      return true
    })
  }
}

/** The lines of a list. Empty if it is not wanted, or cannot be read. */
function readList(
  path: string,
  within: string,
  isWanted: (size: number) => boolean,
): Partial<WrittenAttempt>[] {
  let descriptor: number | undefined
  try {
    descriptor = openPlain(path, within, 'r')
    const { size } = fstatSync(descriptor)
    if (!isWanted(size)) return []
    const bytes = Buffer.alloc(Math.min(size, 2 * limits.attemptListBytes))
    const text = bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0))
    return newestLines(text).flatMap((line) => {
      const read = seen(() => JSON.parse(line) as unknown, undefined)
      // What is no line of ours says nothing, and takes nothing from the others.
      return typeof read === 'object' && read !== null ? [read] : []
    })
  } catch {
    // Then the output is shown as that of one attempt.
    return []
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Its program may have written there too, as many lines as bytes: each costs some time. */
function newestLines(text: string): string[] {
  const lines: string[] = []
  let to = text.length
  for (let looked = 0; to > 0 && looked < innerLimits.attemptListLines; looked++) {
    const from = text.lastIndexOf('\n', to - 1)
    if (from + 1 < to) lines.push(text.slice(from + 1, to))
    to = from
  }
  return lines.reverse()
}

const isWhole = (one: Partial<WrittenAttempt>): one is WrittenAttempt =>
  [one.generation, one.attempt, one.atMs, one.stdout, one.stderr].every(Number.isSafeInteger)

/** All attempts in the list of a driver's folder, oldest first. Its program may have written there too. */
export const writtenAttempts = (folder: string, within: string): WrittenAttempt[] =>
  readList(join(folder, ATTEMPTS), within, () => true).filter(isWhole)
