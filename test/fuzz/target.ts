import type { Random } from './random.js'

/** The part of the program that is fuzzed. Inputs are plain data, so that they can be kept in a file. */
export interface Target<I> {
  readonly name: string
  /** How many inputs run at the same time. */
  readonly atOnce: number
  /** Called before the first input. */
  open?(): Promise<void>
  generate(random: Random): I
  /**
   * Runs the inputs and returns what became of each, in a word or a code, for the table. Throws (or rejects)
   * if an invariant is broken. An error that nothing handles is a finding too.
   */
  run(inputs: readonly I[]): readonly string[] | Promise<readonly string[]>
  /** Numbers that must be the same before the first and after the last input, for example open handshakes. */
  gauges?(): Readonly<Record<string, number>>
  /** Called before the last reading of the gauges. It checks that the target still works. */
  settle?(): Promise<void>
  close?(): Promise<void>
}

export type AnyTarget = Target<unknown>

/** An invariant does not hold for this input. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what)
}
