import { innerLimits } from '../../../inner-limits.js'
import { printable } from '../../../observe/printable.js'
import { type ByteText, bytesOf, readable } from './arguments.js'
import type { Arguments } from './records.js'

/** How one command of `each` ended. */
export interface CommandEnd {
  readonly number: number
  readonly args: Arguments
  readonly command: ByteText
  readonly attempts: number
  /** Null if a signal ended it, or if it never ran. */
  readonly code: number | null
  readonly signal: string | null
  /** Why it never ran, why its outcome is unknown, or why its output is not whole. */
  readonly error: string | null
  readonly timedOut: boolean
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  /** Bytes of both that came in parts before. Then the bytes themselves are not here. */
  readonly sent: readonly [number, number]
  /** Milliseconds of wall time; null if it never ran. */
  readonly startedAtMs: number | null
  readonly ms: number
  readonly host: string | null
}

export const hasFailed = ({ code, error, timedOut }: CommandEnd): boolean =>
  error !== null || timedOut || code !== 0

/** `exit 1`, `SIGKILL`, or the reason why it never ran. */
export function endText({ code, signal, error, timedOut, ms }: CommandEnd): string {
  if (error !== null) return error
  if (timedOut) return `ended by --timeout after ${(ms / 1000).toFixed(1)} s`
  return signal === null ? `exit ${code}` : signal
}

/** The arguments as one text: what `--tag` shows. */
export const itemOf = (args: Arguments): ByteText => args.join(' ')

/** Returns ends in the order of their numbers if that was asked for, otherwise as they come. */
export class EndOrder {
  readonly #keep: boolean
  readonly #waiting = new Map<number, CommandEnd>()
  #next = 1

  constructor(keep: boolean) {
    this.#keep = keep
  }

  /** The number of the first one that has not been returned. */
  get next(): number {
    return this.#next
  }

  isNext(number: number): boolean {
    return !this.#keep || number === this.#next
  }

  /** This command does not run, because it has run before. */
  skip(number: number): CommandEnd[] {
    if (!this.#keep) return []
    this.#skipped.add(number)
    return this.#ready()
  }

  readonly #skipped = new Set<number>()

  add(end: CommandEnd): CommandEnd[] {
    if (!this.#keep) return [end]
    this.#waiting.set(end.number, end)
    return this.#ready()
  }

  #ready(): CommandEnd[] {
    const ready: CommandEnd[] = []
    for (;;) {
      const due = this.#waiting.get(this.#next)
      if (due === undefined && !this.#skipped.delete(this.#next)) return ready
      this.#waiting.delete(this.#next++)
      if (due !== undefined) ready.push(due)
    }
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
        `  #${end.number} ${printable(readable(end.command))}: ${printable(endText(end))}${end.attempts > 1 ? ` (${end.attempts} tries)` : ''}`,
    )
  if (failed.length > LISTED_MAX) lines.push(`  and ${failed.length - LISTED_MAX} more`)
  return lines
}

export const isText = (bytes: Uint8Array): boolean =>
  Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes)

type Job = Pick<CommandEnd, 'number' | 'args' | 'command'>

/** An end for `--json`. What is not UTF-8 stands in `base64` as well. */
export function jsonOf(end: CommandEnd): Record<string, unknown> {
  const { args, command, stdout, stderr, ms, sent: _, ...rest } = end
  const bytes = { ...bytesOfJob({ args, command }), stdout, stderr }
  return { ...rest, args: args.map(readable), ...textsOf(bytes), ms: Math.round(ms), ...base64Of(bytes) }
}

/** A command that would run, for `--json --dry-run`: the fields of `jsonOf` that are known before. */
export function plannedJson({ number, args, command }: Job): Record<string, unknown> {
  const bytes = bytesOfJob({ args, command })
  return { number, args: args.map(readable), ...textsOf(bytes), ...base64Of(bytes) }
}

const bytesOfJob = ({ args, command }: Pick<Job, 'args' | 'command'>) => ({
  item: bytesOf(itemOf(args)),
  command: bytesOf(command),
})

type NamedBytes = Readonly<Record<string, Uint8Array>>

const textsOf = (bytes: NamedBytes): Record<string, string> =>
  Object.fromEntries(Object.entries(bytes).map(([key, value]) => [key, Buffer.from(value).toString('utf8')]))

function base64Of(bytes: NamedBytes): { base64?: Record<string, string> } {
  const others = Object.entries(bytes).filter(([, value]) => !isText(value))
  if (others.length === 0) return {}
  const base64 = others.map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const)
  return { base64: Object.fromEntries(base64) }
}
