import { FiresteelError } from '../../errors.js'
import { printable } from '../../observe/printable.js'
import { ConfigRefused, problemLines } from '../config/problem.js'
import type { Environment } from '../config/substitute.js'
import type { ErrorRecord } from '../node/node-spec.js'
import { errorRecord } from './error-record.js'

/** Everything that a command uses of its environment. It is injected, so that commands run in tests. */
export interface Console {
  /** The arguments after the program's name. */
  readonly argv: readonly string[]
  /** All words of the command line as bytes, where the system tells: names of files need not be UTF-8. */
  readonly argvBytes?: () => readonly Buffer[]
  readonly cwd: string
  readonly environment: Environment
  readonly stdin: NodeJS.ReadableStream
  /** Writes. Resolves when more may be written. */
  readonly out: (text: string | Uint8Array) => Promise<void>
  readonly err: (text: string | Uint8Array) => Promise<void>
  /** Whether stderr is a terminal. Progress is drawn only then. */
  readonly interactive: boolean
  /** The size of the terminal that standard output goes to; undefined: it goes elsewhere. */
  readonly window: () => { readonly columns: number; readonly rows: number } | undefined
  /**
   * Aborted by SIGINT, SIGTERM, SIGQUIT, and by SIGHUP where that means nothing else. The reason is the
   * signal's name.
   */
  readonly interrupted: AbortSignal
  /** Aborted when nobody reads standard output any more, so that a command that only prints can end. */
  readonly readerGone: AbortSignal
}

/** A command was interrupted: exit 130, and no error text. */
export class Interrupted extends Error {}

export const INTERRUPTED_EXIT = 130

/** Nobody reads standard output any more: 128 + SIGPIPE, as of a program that the signal ends. */
export const READER_GONE_EXIT = 141

/** Prints an error as every command does: `CODE: sentence`, place and help; or one JSON object. */
export async function printError(io: Console, error: unknown, json: boolean): Promise<void> {
  const { code, message, help, place } = errorRecord(error)
  if (json) {
    const problems = error instanceof ConfigRefused ? { problems: error.problems } : {}
    const where = place === undefined ? {} : { place }
    await io.err(`${JSON.stringify({ error: { code, message, help, ...where, ...problems } })}\n`)
    return
  }
  if (error instanceof ConfigRefused) {
    await io.err(`${[...problemLines(error.problems), `  ${help}`].join('\n')}\n`)
    return
  }
  await io.err(`${errorText({ code, message, help, ...(place !== undefined && { place }) })}\n`)
  if (!(error instanceof FiresteelError) && error instanceof Error && io.environment.FIRESTEEL_DEBUG) {
    await io.err(`${error.stack}\n`)
  }
}

/** `CODE: sentence`, the place and the remedy, each on a line of its own. */
export function errorText({ code, message, help, place }: ErrorRecord): string {
  const where = place === undefined || message.includes(place) ? '' : `\n  at ${printable(place)}`
  return `${printable(code)}: ${printable(message)}${where}\n  ${printable(help)}`
}

export const printJson = (io: Pick<Console, 'out'>, value: unknown): Promise<void> =>
  io.out(`${JSON.stringify(value)}\n`)

/** Resolves when the command is interrupted. */
export function untilInterrupted({ interrupted }: Console): Promise<string> {
  return new Promise((resolve) => {
    const done = (): void => resolve(String(interrupted.reason))
    if (interrupted.aborted) done()
    else interrupted.addEventListener('abort', done, { once: true })
  })
}
