import { Buffer } from 'node:buffer'
import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { outputSegments } from '../../../runtime/process/output-segments.js'
import { readOutput } from '../../../runtime/process/read-output.js'
import { type WrittenAttempt, writtenAttempts } from '../attempt-list.js'
import { outputFolder } from '../output-id.js'

/* Outputs that a Worker keeps, as its pages read them: any part, and never more than that at once. */

export type OutputName = 'stdout' | 'stderr'

export const outputNames: readonly OutputName[] = ['stdout', 'stderr']

export const isOutputName = (text: string): text is OutputName => outputNames.includes(text as OutputName)

/** A part of an output, in bytes ever written. */
export interface Stretch {
  readonly start: number
  readonly end: number
}

/** A part of an output was removed while it was read. */
export class LogDropped extends Error {}

/** One output of a driver or executor. It is looked at anew with each call. */
export interface KeptLog {
  readonly id: string
  readonly output: OutputName
  /** True: it may still grow. */
  readonly lives: boolean
  /** What is kept of it. */
  readonly kept: Stretch
  /** Of the clock of this machine; undefined: nothing has been written. */
  readonly changedAtMs: number | undefined
  /** Of a driver, oldest first, as they were at the first look at them. */
  readonly attempts: readonly WrittenAttempt[]
  /**
   * The bytes from a place on, in the piece that one look gives: `most` at most, and none at the end.
   * Holes are zeros, as for every reader of a file. Throws LogDropped if the place is not kept any more,
   * NotPlain if the file is none of ours, and the system's error.
   */
  read(from: number, most: number): Buffer
}

/** Finds an output by the id of its driver or executor; undefined: nothing of that name has run here. */
export type FindLog = (id: string, output: OutputName) => KeptLog | undefined

export interface KeptLogsOptions {
  /** The work folder. No path leads out of it. */
  readonly root: string
  readonly lives: (id: string) => boolean
}

export const keptLogs =
  ({ root, lives }: KeptLogsOptions): FindLog =>
  (id, output) => {
    const segments = outputFolder(id)
    if (!segments) return undefined
    const path = join(root, ...segments, output)
    if (!lives(id) && !lstatSync(path, { throwIfNoEntry: false })) return undefined
    return new FileLog({ id, output, path, root, lives: lives(id) })
  }

interface FileLogParts {
  readonly id: string
  readonly output: OutputName
  readonly path: string
  readonly root: string
  readonly lives: boolean
}

class FileLog implements KeptLog {
  readonly id: string
  readonly output: OutputName
  readonly lives: boolean
  readonly #path: string
  readonly #root: string
  #attempts: readonly WrittenAttempt[] | undefined

  constructor({ id, output, path, root, lives }: FileLogParts) {
    this.id = id
    this.output = output
    this.lives = lives
    this.#path = path
    this.#root = root
  }

  get kept(): Stretch {
    const segments = outputSegments(this.#path)
    // What is left out of a part that is mostly a hole is not kept, and neither is what is older.
    const first = segments.findLast(({ skip }) => skip > 0) ?? segments[0]
    const last = segments.at(-1)
    return { start: (first?.start ?? 0) + (first?.skip ?? 0), end: (last?.start ?? 0) + (last?.length ?? 0) }
  }

  get changedAtMs(): number | undefined {
    return lstatSync(this.#path, { throwIfNoEntry: false })?.mtimeMs
  }

  get attempts(): readonly WrittenAttempt[] {
    this.#attempts ??= writtenAttempts(dirname(this.#path), this.#root)
    return this.#attempts
  }

  read(from: number, most: number): Buffer {
    const page = readOutput(this.#path, { offset: from, maxBytes: most, within: this.#root })
    if (page.offset > from) {
      if (this.kept.start > from) throw new LogDropped('a part of the output was removed meanwhile')
      return Buffer.alloc(Math.min(most, page.offset - from))
    }
    return page.data.length > 0 ? page.data : Buffer.alloc(Math.min(most, Math.max(0, page.next - from)))
  }
}

const PIECE_BYTES = innerLimits.logPieceBytes

/** All bytes of a stretch that is short enough for memory; fewer if the output ends before. */
export function readStretch(log: Pick<KeptLog, 'read'>, { start, end }: Stretch): Buffer {
  const pieces: Buffer[] = []
  for (let at = start; at < end; ) {
    const piece = log.read(at, Math.min(PIECE_BYTES, end - at))
    if (piece.length === 0) break
    pieces.push(piece)
    at += piece.length
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}

/** The part of an output that one attempt wrote, of the newest up to its end; undefined: there is none. */
export function stretchOfAttempt(
  { kept, attempts, output }: Pick<KeptLog, 'kept' | 'attempts' | 'output'>,
  generation: number,
  attempt: number,
): Stretch | undefined {
  const all = attempts
  const index = all.findLastIndex((one) => one.generation === generation && one.attempt === attempt)
  const of = all[index]
  if (!of) return undefined
  const end = Math.min(all[index + 1]?.[output] ?? kept.end, kept.end)
  return { start: Math.min(Math.max(of[output], kept.start), end), end }
}
