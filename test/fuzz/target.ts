import type { Random } from './random.js'

/** What is fuzzed, one part of the program. Inputs are plain data, so that one can be kept in a file. */
export interface Target<I> {
  readonly name: string
  /** Inputs that run at the same time. */
  readonly atOnce: number
  /** Before the first input. */
  open?(): Promise<void>
  generate(random: Random): I
  /**
   * Runs them and gives what became of each, in a word or a code: for the table. Throws (or rejects) where what must hold does
   * not; whatever else comes loose in the process is a finding too.
   */
  run(inputs: readonly I[]): readonly string[] | Promise<readonly string[]>
  /** Numbers that must be the same before the first and after the last input, such as open handshakes. */
  gauges?(): Readonly<Record<string, number>>
  /** Between the inputs and the last look at the gauges: what must still work after all that. */
  settle?(): Promise<void>
  close?(): Promise<void>
}

export type AnyTarget = Target<unknown>

/** What must hold of an input does not. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what)
}
