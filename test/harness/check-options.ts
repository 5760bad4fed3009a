import { checkKnownOptions } from '../../runtime/known-options.js'

interface Call {
  /** Name of the call in messages: `startRedis()`. */
  readonly what: string
  /** Name of the type of its options. */
  readonly type: string
  readonly names: readonly string[]
}

/** Throws USAGE for an option of `firesteel/testing` that does not exist, because it would have no effect. */
export function checkOptions(options: unknown, { what, type, names }: Call): void {
  checkKnownOptions(options, { what, names, help: `See ${type} of firesteel/testing.` })
}

/** The names of all options of a type, written so that a missing one does not compile. */
export const namesOf = <T>(names: Readonly<Record<keyof T, true>>): readonly string[] => Object.keys(names)
