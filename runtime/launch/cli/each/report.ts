import { innerLimits } from '../../../inner-limits.js'
import { printable } from '../../../observe/printable.js'

/** How one command of `each` ended. */
export interface CommandEnd {
  readonly number: number
  readonly item: string
  readonly command: string
  readonly attempts: number
  /** Null if a signal ended it, or if it never ran. */
  readonly code: number | null
  readonly signal: string | null
  /** Why it never ran, or why its outcome is unknown. */
  readonly error: string | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly ms: number
  readonly host: string | null
}

export const hasFailed = ({ code, error }: CommandEnd): boolean => error !== null || code !== 0

/** `exit 1`, `SIGKILL`, or the reason why it never ran. */
export function endText({ code, signal, error }: CommandEnd): string {
  return error ?? (signal === null ? `exit ${code}` : signal)
}

const lineEnd = 0x0a

/** Puts `tag` and a tab before each line. */
export function tagLines(output: Uint8Array, tag: string): Buffer {
  const prefix = Buffer.from(`${printable(tag)}\t`)
  const parts: Uint8Array[] = []
  for (let from = 0; from < output.length; ) {
    const end = output.indexOf(lineEnd, from)
    const next = end === -1 ? output.length : end + 1
    parts.push(prefix, output.subarray(from, next))
    from = next
  }
  return Buffer.concat(parts)
}

/** Returns ends in the order of their numbers if that was asked for, otherwise as they come. */
export class EndOrder {
  readonly #keep: boolean
  readonly #waiting = new Map<number, CommandEnd>()
  #next = 1

  constructor(keep: boolean) {
    this.#keep = keep
  }

  add(end: CommandEnd): CommandEnd[] {
    if (!this.#keep) return [end]
    this.#waiting.set(end.number, end)
    const ready: CommandEnd[] = []
    for (let due = this.#waiting.get(this.#next); due; due = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++)
      ready.push(due)
    }
    return ready
  }

  /** The ends that still wait, when the others will never come. */
  rest(): CommandEnd[] {
    const left = [...this.#waiting.values()].sort((a, b) => a.number - b.number)
    this.#waiting.clear()
    return left
  }
}

/** At most this many are listed. The rest is counted. */
const LISTED_MAX = innerLimits.eachFailuresListed

/** The failures in the order of the items, one per line. */
export function failureList(failed: readonly CommandEnd[]): string[] {
  const lines = [...failed]
    .sort((a, b) => a.number - b.number)
    .slice(0, LISTED_MAX)
    .map(
      (end) =>
        `  #${end.number} ${printable(end.command)}: ${printable(endText(end))}${end.attempts > 1 ? ` (${end.attempts} tries)` : ''}`,
    )
  if (failed.length > LISTED_MAX) lines.push(`  and ${failed.length - LISTED_MAX} more`)
  return lines
}
